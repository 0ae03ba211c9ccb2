package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.transformer.engine.WeightFault;

/** Weights that change in the middle of a question, in processes that may die of it. */
final class WeightFaultTest {
  private static final Path DEMO = Path.of("..", "..", "models", "scenes", "model");
  private static final String WEIGHTS = "model.safetensors";
  private static final String PROMPT = "USER: what number is on the gray triangle ?";
  private static final Question QUESTION = Question.raw(PROMPT);

  @TempDir private Path temporary;
  private Path folder = Path.of("");

  /** What the processes run. */
  static final class Main {
    private Main() {}

    /**
     * Asks some questions, cuts the weights short when the next one's second token is there, and
     * prints what comes of that one and of one more.
     */
    public static void main(String[] arguments) {
      Path folder = Path.of(arguments[0]);
      int before = Integer.parseInt(arguments[1]);
      int threads = Integer.parseInt(arguments[2]);
      long left = Long.parseLong(arguments[3]);
      Question question = Question.raw(arguments[4]);
      LoadOptions options = LoadOptions.defaults().withBackend(Backend.CPU).withThreads(threads);
      try (Llava model = Llava.load(folder, options)) {
        for (int i = 0; i < before; i++) {
          model.ask(question);
        }
        int[] tokens = {0};
        print(
            model,
            question,
            (_, _) -> {
              if (++tokens[0] == 2) {
                cut(folder.resolve(WEIGHTS), left);
              }
              return true;
            });
        print(model, question, (_, _) -> true);
      }
      System.out.println("closed");
    }

    private static void print(Llava model, Question question, TokenListener listener) {
      try {
        System.out.println(model.ask(question, Options.defaults(), listener).text());
      } catch (Throwable e) {
        System.out.println(e);
      }
    }
  }

  private static void cut(Path file, long left) {
    try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
      open.setLength(left);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @BeforeEach
  void copyTheModel() throws IOException {
    folder = Files.createDirectory(temporary.resolve("model"));
    copy(DEMO);
  }

  private void copy(Path model) throws IOException {
    try (var files = Files.list(model)) {
      for (Path file : (Iterable<Path>) files.filter(Files::isRegularFile)::iterator) {
        Path to = folder.resolve(file.getFileName());
        Files.copy(file, to, StandardCopyOption.REPLACE_EXISTING);
      }
    }
  }

  /** Runs a process that may die, and returns what it printed; its exit code comes first. */
  private List<String> cutShort(String flag, int before, int threads, long left, String prompt)
      throws Exception {
    Path printed = temporary.resolve("printed");
    Process running =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--add-modules=jdk.incubator.vector",
                "-XX:ErrorFile=" + temporary.resolve("hs_err"),
                "-XX:-CreateCoredumpOnCrash",
                flag,
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                folder.toString(),
                Integer.toString(before),
                Integer.toString(threads),
                Long.toString(left),
                prompt)
            .redirectOutput(printed.toFile())
            .redirectError(temporary.resolve("errors").toFile())
            .start();
    try {
      assertThat(running.waitFor(5, TimeUnit.MINUTES)).isTrue();
    } finally {
      running.destroyForcibly();
    }
    List<String> lines = new ArrayList<>(List.of("exit " + running.exitValue()));
    lines.addAll(Files.readAllLines(printed, StandardCharsets.UTF_8));
    return lines;
  }

  private void assertRefusedTwice(List<String> lines, long left) {
    String said = CheckpointException.class.getName() + ": " + folder;
    assertThat(lines).hasSize(4).startsWith("exit 0").endsWith("closed");
    assertThat(lines.get(1))
        .startsWith(said + ": a file changed while it was in use")
        .endsWith("load the folder again");
    assertThat(lines.get(2))
        .startsWith(said.concat("/" + WEIGHTS + ": changed while it was in use"))
        .contains("and has " + left)
        .endsWith("load the folder again");
  }

  /** Of a small model: without compiled code the demo's takes a minute. */
  @ParameterizedTest
  @CsvSource({"1, 0", "2, 200000"})
  void whatJavaReadsWithoutCompiledCodeIsAnExceptionAndTheProcessLivesOn(int threads, long left)
      throws Exception {
    try (Fixture fixture = new Fixture("mha-float32")) {
      copy(fixture.folder());
      String prompt = fixture.json().get("prompts").get("textOnly").get("words").asString();
      assertRefusedTwice(cutShort("-Xint", 0, threads, left, prompt), left);
    }
  }

  /**
   * Compiled code in which all reads are those of the Vector API isn't marked as one that may
   * fault, so that Java ends with SIGBUS; what it does depends on what was compiled by then.
   */
  @ParameterizedTest
  @CsvSource({"0, 2, 0", "60, 2, 3000000"})
  void whatCompiledCodeReadsIsAnExceptionOrTheEndOfTheProcessButNoAnswer(
      int before, int threads, long left) throws Exception {
    List<String> lines = cutShort("-Xmixed", before, threads, left, PROMPT);
    if (Files.exists(temporary.resolve("hs_err"))) {
      // 134 is an abort's; told to leave no core file, Java 25 may end with 1.
      assertThat(lines.getFirst()).isIn("exit 1", "exit 134");
      assertThat(String.join("\n", lines)).contains("SIGBUS").doesNotContain("closed");
    } else {
      assertRefusedTwice(lines, left);
    }
  }

  @Test
  void writtenOverInTheMiddleOfAQuestionTheyGiveNoAnswer() {
    LoadOptions options = LoadOptions.defaults().withBackend(Backend.CPU);
    TokenListener writer =
        (_, _) -> {
          try (RandomAccessFile open =
              new RandomAccessFile(folder.resolve(WEIGHTS).toFile(), "rw")) {
            open.seek(open.length() - 1);
            open.write(1);
            return true;
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        };
    try (Llava model = Llava.load(folder, options)) {
      assertThatThrownBy(() -> model.ask(QUESTION, Options.defaults(), writer))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("it was written to");
    }
    try (Llava model = Llava.load(folder, options.withCopy(true))) {
      assertThat(model.ask(QUESTION, Options.defaults(), writer).tokenIds()).isNotEmpty();
    }
  }

  @Test
  void everyWayToAskRefusesAFolderThatHasChanged() {
    try (Llava model = Llava.load(folder, LoadOptions.defaults().withBackend(Backend.CPU));
        Conversation conversation = model.converse(Options.defaults())) {
      Question question = Question.of("what is there ?");
      cut(folder.resolve(WEIGHTS), 100);
      List<Request> batch = List.of(new Request(question, Options.defaults()));
      assertRefused(() -> model.ask(question));
      assertRefused(() -> model.askAll(batch));
      assertRefused(() -> model.attention(question, List.of(0)));
      assertRefused(() -> conversation.ask(question));
    }
  }

  private void assertRefused(ThrowingCallable asking) {
    assertThatThrownBy(asking)
        .isInstanceOf(CheckpointException.class)
        .hasMessageStartingWith(folder.resolve(WEIGHTS) + ": changed while it was in use");
  }

  @Test
  void otherErrorsOfJavaStayWhatTheyAre() {
    InternalError error = new InternalError("something else");
    assertThatThrownBy(() ->
            WeightFault.named(
                folder,
                () -> {
                  throw error;
                }))
        .isSameAs(error);
    InternalError silent = new InternalError();
    assertThatThrownBy(() ->
            WeightFault.named(
                folder,
                () -> {
                  throw silent;
                }))
        .isSameAs(silent);
  }
}
