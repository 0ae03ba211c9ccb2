package org.pyramiddrop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The script that people and their scripts run, as a process of its own. */
class LauncherTest {
  private static final Path SCENES = Installation.root().resolve("models/scenes");
  private static final String MODEL = SCENES.resolve("model").toString();
  private static final Path IMAGE = SCENES.resolve("heldout/0000.png");
  private static final String QUESTION = "how many diamond s are there ?";
  private static final String ANSWER = "3";

  @TempDir private Path own;

  static Stream<Arguments> everyShellAndInstallation() {
    Stream<Arguments> shells =
        Program.shells()
            .filter(shell -> !shell.equals("sh"))
            .map(shell -> Arguments.of(shell, Installation.CHECKOUT));
    return Stream.concat(shells, Stream.of(Arguments.of("sh", Installation.DIST)));
  }

  @ParameterizedTest
  @MethodSource("everyShellAndInstallation")
  void batchReadsAPipeWhereStderrIsAFile(String shell, Installation installation)
      throws IOException, InterruptedException {
    Path err = own.resolve("err");
    CommandRun run =
        Program.script(own, shell, installation.command(), "batch", "--model", MODEL)
            .reading(line())
            .errTo(err)
            .run();

    assertThat(Files.readAllLines(err)).containsExactly(CommandRun.INCUBATOR_NOTICE);
    assertThat(run.code()).isZero();
    assertThat(json(run).get("answer").stringValue()).isEqualTo(ANSWER);
  }

  @Test
  void chatReadsAFileWithAByteOrderMark() throws IOException, InterruptedException {
    Path questions = Files.writeString(own.resolve("questions"), "\uFEFF" + QUESTION + "\r\n");
    CommandRun run =
        command("chat", "--model", MODEL, "--image", IMAGE.toString()).readingFile(questions).run();

    assertThat(run.code()).isZero();
    assertThat(run.out().lines()).containsExactly(ANSWER);
    assertThat(run.ownErr()).isEmpty();
  }

  @Test
  void batchReadsPastAByteOrderMark() throws IOException, InterruptedException {
    CommandRun run = command("batch", "--model", MODEL).reading("\uFEFF" + line()).run();

    assertThat(json(run).get("answer").stringValue()).isEqualTo(ANSWER);
  }

  @ParameterizedTest
  @EnumSource
  void answersWithoutAHomeOrATemporaryFolder(Installation installation)
      throws IOException, InterruptedException {
    // Where not even root may write.
    String nowhere = "/proc";
    CommandRun run =
        Program.script(
                own,
                "sh",
                installation.command(),
                "-Djava.io.tmpdir=" + nowhere,
                "-Duser.home=" + nowhere,
                "generate",
                "--model",
                MODEL,
                "--image",
                IMAGE.toString(),
                "--prompt",
                QUESTION)
            .with("HOME", nowhere)
            .with("TMPDIR", nowhere)
            .run();

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.code()).isZero();
    assertThat(run.out().lines()).first().isEqualTo(ANSWER);
  }

  @ParameterizedTest
  @MethodSource("everyShellAndInstallation")
  void aSignalEndsJava(String shell, Installation installation)
      throws IOException, InterruptedException {
    for (String signal : List.of("TERM", "INT")) {
      try (RunningProgram chat =
          Program.script(
                  own, shell, installation.command(), "chat", "--model", MODEL, "--format", "json")
              .start()) {
        chat.write(QUESTION + "\n");
        chat.awaitOut("\"answer\"");
        long before = System.nanoTime();
        chat.signal(signal);
        CommandRun run = chat.end();

        assertThat(run.code()).isEqualTo(128 + (signal.equals("TERM") ? 15 : 2));
        assertThat(System.nanoTime() - before).isLessThan(5_000_000_000L);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("everyShellAndInstallation")
  void optionsBeforeTheCommandReachJava(String shell, Installation installation)
      throws IOException, InterruptedException {
    CommandRun run =
        Program.script(
                own,
                shell,
                installation.command(),
                "-Dpyramiddrop.vectorBits=128",
                "-J-Xmx77m",
                "-J-XX:+UseParallelGC",
                "doctor")
            .run();

    assertThat(run.code()).isZero();
    assertThat(run.out()).contains("128-bit vectors").containsPattern("up to 7\\d\\.\\d MiB");
  }

  @Test
  void aCollectorFromTheEnvironmentIsNoConflict() throws IOException, InterruptedException {
    CommandRun run = command("doctor").with("JAVA_TOOL_OPTIONS", "-XX:+UseG1GC").run();

    assertThat(run.code()).isZero();
  }

  @Test
  void wordsBehindTheCommandAreNotJavas() throws IOException, InterruptedException {
    CommandRun run = command("flops", "-J-Xmx77m").run();

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.ownErr()).singleElement().asString().contains("'-J-Xmx77m'");
  }

  @Test
  void aLocaleDoesntChangeWhatFilesAreNamed() throws IOException, InterruptedException {
    String lines =
        """
        cd "$1" && cp "$4" '猫 фото.png' || exit 9
        sh "$2" generate --model "$3" --image '猫 фото.png' --overlay é.png --prompt "$5" || exit
        test -s é.png
        """;
    CommandRun run =
        script(
                lines,
                own.toString(),
                Installation.CHECKOUT.command().toString(),
                MODEL,
                IMAGE.toString(),
                QUESTION)
            .with("LC_ALL", "C")
            .run();

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.code()).isZero();
    assertThat(run.out().lines()).first().isEqualTo(ANSWER);
    assertThat(run.out()).contains("é.png");
  }

  @ParameterizedTest
  @MethodSource
  void aLocaleDoesntChangeWords(List<String> locale) throws IOException, InterruptedException {
    Program program =
        script(
            "sh \"$1\" generate --max-tokens '中 🦙'", Installation.CHECKOUT.command().toString());
    for (String variable : locale) {
      int name = variable.indexOf('=');
      program.with(variable.substring(0, name), variable.substring(name + 1));
    }

    assertThat(program.run().ownErr()).singleElement().asString().contains("'中 🦙' is not an int");
  }

  /** Lines for sh, whose words the locale of this test's own Java might not carry. */
  private Program script(String lines, String... arguments) throws IOException {
    Path file = Files.writeString(own.resolve("script"), lines);
    return Program.script(own, "sh", file, arguments);
  }

  static Stream<List<String>> aLocaleDoesntChangeWords() {
    return Stream.of(
        List.of(),
        List.of("LC_ALL=C"),
        List.of("LANG=POSIX"),
        // Not installed, whatever the machine.
        List.of("LC_CTYPE=C", "LANG=xx_XX.UTF-8"),
        List.of("LANG=xx_XX.UTF-8"),
        List.of("LC_ALL=C.UTF-8"));
  }

  @Test
  void aLocaleThatDamagesWordsOfTheJarIsNamed() throws IOException, InterruptedException {
    CommandRun run =
        script(
                "\"$1\" -jar \"$2\" flops --image-size é",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                Installation.root().resolve("cli/target/pyramiddrop.jar").toString())
            .with("LC_ALL", "C")
            .run();

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.ownErr()).singleElement().asString().endsWith("set LC_ALL=C.UTF-8");
  }

  @Test
  void theJarStartsItselfAgainWithWhatItWasGiven() throws IOException, InterruptedException {
    CommandRun run =
        jar(List.of("-Dpyramiddrop.vectorBits=128", "-Xmx77m", "-XX:+UseParallelGC"), "doctor")
            .run();

    assertThat(run.code()).isZero();
    assertThat(run.out()).contains("128-bit vectors").containsPattern("up to 7\\d\\.\\d MiB");
  }

  @Test
  void aSignalToTheJarEndsWhatItStarted() throws IOException, InterruptedException {
    try (RunningProgram chat =
        jar(List.of(), "chat", "--model", MODEL, "--format", "json").start()) {
      chat.write(QUESTION + "\n");
      chat.awaitOut("\"answer\"");
      chat.signal("TERM");

      // Its output ends only when the second run is gone as well.
      assertThat(chat.end().code()).isEqualTo(128 + 15);
    }
  }

  @ParameterizedTest
  @MethodSource
  void anOutputThatCantBeWrittenIsAFailedRun(List<String> words)
      throws IOException, InterruptedException {
    CommandRun run =
        command(words.toArray(new String[0])).reading(line()).outTo(Path.of("/dev/full")).run();

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.ownErr())
        .containsExactly(
            "pyramiddrop: the standard output can't be written: No space left on device");
  }

  static Stream<List<String>> anOutputThatCantBeWrittenIsAFailedRun() {
    List<String> generate =
        List.of("generate", "--model", MODEL, "--image", IMAGE.toString(), "--prompt", QUESTION);
    List<String> json = new ArrayList<>(generate);
    json.addAll(List.of("--format", "json"));
    return Stream.of(
        generate,
        json,
        List.of("batch", "--model", MODEL),
        List.of("chat", "--model", MODEL),
        List.of("inspect", "--model", MODEL),
        List.of("flops"),
        List.of("doctor"),
        List.of("--help"));
  }

  @Test
  void aReaderThatGoesAwayIsNoError() throws IOException, InterruptedException {
    String command = Installation.CHECKOUT.command().toString();
    CommandRun run =
        new Program(
                own,
                List.of(
                    "bash",
                    "-c",
                    "set -o pipefail; \"$0\" inspect --tensors --model \"$1\" | head -n 1",
                    command,
                    MODEL))
            .run();

    assertThat(run.code()).isZero();
    assertThat(run.out().lines()).hasSize(1);
    assertThat(run.ownErr()).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("everyShellAndInstallation")
  void whatIsClosedIsNoFileOfJavas(String shell, Installation installation)
      throws IOException, InterruptedException {
    CommandRun in = closed(shell, installation, "<&-", "batch", "--model", MODEL);
    CommandRun out = closed(shell, installation, ">&-", "flops");

    assertThat(in.code()).isZero();
    assertThat(in.out()).isEmpty();
    assertThat(in.ownErr()).isEmpty();
    assertThat(out.code()).isEqualTo(1);
    assertThat(out.ownErr())
        .singleElement()
        .asString()
        .startsWith("pyramiddrop: the standard output can't be written: ");
  }

  private CommandRun closed(
      String shell, Installation installation, String redirection, String... words)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(List.of(shell, "-c", shell + " \"$0\" \"$@\" " + redirection));
    command.add(installation.command().toString());
    command.addAll(List.of(words));
    return new Program(own, command).run();
  }

  @Test
  void bytesThatAreNoTextAreRefused() throws IOException, InterruptedException {
    CommandRun run =
        new Program(
                own,
                List.of(
                    "sh",
                    "-c",
                    "\"$0\" flops --image-size \"$(printf 'a\\377b')\"",
                    Installation.CHECKOUT.command().toString()))
            .run();

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.ownErr())
        .containsExactly("pyramiddrop: this command's words are not UTF-8 text");
  }

  @Test
  void aPathForCdDoesntMatter() throws IOException, InterruptedException {
    CommandRun run =
        new Program(own, List.of("sh", "bin/pyramiddrop", "--version"))
            .in(Installation.root())
            .with("CDPATH", ".")
            .run();
    assertThat(run.out()).startsWith("pyramiddrop ");
  }

  @Test
  void runsThroughALinkAndFromAFolderWithASpace() throws IOException, InterruptedException {
    Path spaced = own.resolve("a b");
    Files.createSymbolicLink(spaced, Installation.root());
    Path link = own.resolve("pd");
    Files.createSymbolicLink(link, spaced.resolve("bin/pyramiddrop"));
    for (Path command : List.of(spaced.resolve("bin/pyramiddrop"), link)) {
      CommandRun run = Program.script(own, "sh", command, "--version").run();

      assertThat(run.code()).isZero();
      assertThat(run.out()).startsWith("pyramiddrop ");
    }
  }

  @Test
  void answersWithoutAnArchiveOfClasses() throws IOException, InterruptedException {
    Path clone = own.resolve("clone");
    Files.createDirectories(clone.resolve("cli/target"));
    for (String name : List.of("bin", "cli/target/pyramiddrop.jar", "cli/target/lib")) {
      Files.createSymbolicLink(clone.resolve(name), Installation.root().resolve(name));
    }
    CommandRun run =
        Program.script(
                own,
                "sh",
                clone.resolve("bin/pyramiddrop"),
                "generate",
                "--model",
                MODEL,
                "--image",
                IMAGE.toString(),
                "--prompt",
                QUESTION)
            .run();

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.out().lines()).first().isEqualTo(ANSWER);
  }

  @Test
  void anImageComesFromThePipe() throws IOException, InterruptedException {
    CommandRun run =
        command("generate", "--model", MODEL, "--image", "-", "--prompt", QUESTION)
            .readingFile(IMAGE)
            .run();

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.out().lines()).first().isEqualTo(ANSWER);
  }

  @Test
  void aBatchThatMemoryDoesntHoldTogetherIsAskedInParts() throws IOException, InterruptedException {
    // As pixels, 24 MB each.
    Path image = own.resolve("large.jpg");
    ImageIO.write(new BufferedImage(3000, 2000, BufferedImage.TYPE_INT_RGB), "jpg", image.toFile());
    String line = "{\"prompt\": \"%s\", \"images\": [\"%s\"]}".formatted(QUESTION, image);
    CommandRun run =
        command("-J-Xmx120m", "batch", "--model", MODEL, "--max-tokens", "2")
            .reading(Collections.nCopies(6, line).toArray(new String[0]))
            .run();

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.code()).isZero();
    List<JsonNode> rows = run.out().lines().map(JsonMapper.shared()::readTree).toList();
    assertThat(rows).hasSize(6).allSatisfy(row -> assertThat(row.has("answer")).isTrue());
  }

  @Test
  void leavesNothingBehind() throws IOException, InterruptedException {
    Program program =
        command("generate", "--model", MODEL, "--image", IMAGE.toString(), "--prompt", QUESTION);
    program.run();

    assertThat(program.leftovers()).isEmpty();
  }

  private Program command(String... words) throws IOException, InterruptedException {
    return Program.script(own, "sh", Installation.CHECKOUT.command(), words);
  }

  /** {@code java -jar}, without the options that the script gives. */
  private Program jar(List<String> options, String... words) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.add("-jar");
    command.add(Installation.root().resolve("cli/target/pyramiddrop.jar").toString());
    command.addAll(List.of(words));
    return new Program(own, command);
  }

  private static String line() {
    return "{\"prompt\": \"%s\", \"images\": [\"%s\"]}".formatted(QUESTION, IMAGE);
  }

  private static JsonNode json(CommandRun run) {
    return JsonMapper.shared().readTree(run.out().getBytes(UTF_8));
  }
}
