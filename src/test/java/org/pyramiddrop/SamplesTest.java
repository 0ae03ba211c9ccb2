package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Question;

/**
 * The applications in {@code samples}, built by Maven from what {@code mvn install} would put into
 * a local repository, and run as their users would.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class SamplesTest {
  private static final String VECTOR_API = "--add-modules=jdk.incubator.vector";
  private static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";
  private static final String NATIVE_MODULES =
      "org.pyramiddrop.cuda,org.pyramiddrop.kernels,org.pyramiddrop.loader";
  private static final String QUESTION = "what number is on the gray triangle ?";
  private static final String ANSWER = "2 7";

  private final Path target = Path.of("target/samples").toAbsolutePath();
  private final Path built = target.resolve("built");
  private final Path scenes = Installation.root().resolve("models/scenes");
  private final Path image = scenes.resolve("heldout/0000.png");
  private final Path webp =
      Installation.root().resolve("loader/src/test/resources/pictures/webp.webp");

  @TempDir private Path folder;

  @BeforeAll
  void build(@TempDir Path own) throws Exception {
    String maven = System.getProperty("maven.home", "");
    assumeTrue(!maven.isEmpty(), "Maven runs the tests");
    delete(target);
    install(target.resolve("repository"));
    copy(Installation.root().resolve("samples"), built);
    CommandRun run =
        new Program(
                own,
                List.of(
                    Path.of(maven, "bin/mvn").toString(),
                    "--batch-mode",
                    "--no-transfer-progress",
                    "-Dmaven.repo.local=" + target.resolve("repository"),
                    "package"))
            .in(built)
            .within(Duration.ofMinutes(5))
            .run();
    assertThat(run.code()).as(run.out() + run.err()).isZero();
  }

  /**
   * A local repository that has our artifacts as they are built here, and all else from the one
   * that the tests' own build uses.
   */
  private static void install(Path repository) throws IOException {
    Path others = Path.of(System.getProperty("maven.repo.local"));
    link(others, repository, Path.of("org"));
    link(others.resolve("org"), repository.resolve("org"), Path.of("pyramiddrop"));
    String version = MavenModule.version();
    for (MavenModule module : MavenModule.published()) {
      String name = module.artifact();
      Path to = repository.resolve("org/pyramiddrop").resolve(name).resolve(version);
      Files.createDirectories(to);
      Path file = to.resolve(name + "-" + version + ".pom");
      Files.copy(module.folder().resolve("pom.xml"), file);
      if (module.hasJar()) {
        assumeTrue(Files.exists(module.jar()), "mvn package has made " + module.jar());
        Files.copy(module.jar(), to.resolve(module.jar().getFileName()));
      }
    }
  }

  /** Makes a folder in which all that another one holds is found there, but for one name. */
  private static void link(Path from, Path to, Path but) throws IOException {
    Files.createDirectories(to);
    try (Stream<Path> all = Files.list(from)) {
      for (Path one : all.filter(path -> !path.getFileName().equals(but)).toList()) {
        Files.createSymbolicLink(to.resolve(one.getFileName()), one);
      }
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    try (Stream<Path> all = Files.walk(from)) {
      for (Path one : all.toList()) {
        Path there = to.resolve(from.relativize(one).toString());
        if (Files.isDirectory(one)) {
          Files.createDirectories(there);
        } else {
          Files.copy(one, there, StandardCopyOption.REPLACE_EXISTING);
        }
      }
    }
  }

  /** Deletes a folder; of links themselves, not what they lead to. */
  private static void delete(Path folder) throws IOException {
    if (Files.exists(folder)) {
      try (Stream<Path> all = Files.walk(folder)) {
        for (Path one : all.sorted((a, b) -> b.compareTo(a)).toList()) {
          Files.delete(one);
        }
      }
    }
  }

  private CommandRun java(List<String> flags, Path asked) throws Exception {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin/java").toString());
    command.addAll(flags);
    command.add(scenes.resolve("model").toString());
    command.add(asked.toString());
    command.add(QUESTION);
    return new Program(folder, command).run();
  }

  private static List<String> and(String flag, List<String> flags) {
    return Stream.concat(Stream.of(flag), flags.stream()).toList();
  }

  private List<String> onClassPath() {
    Path sample = built.resolve("class-path/target");
    return List.of(
        "-cp",
        sample.resolve("classes") + File.pathSeparator + sample.resolve("lib/*"),
        "example.Ask");
  }

  private List<String> onModulePath() {
    Path sample = built.resolve("module-path/target");
    return List.of(
        "-p",
        sample.resolve("classes") + File.pathSeparator + sample.resolve("lib"),
        "-m",
        "example/example.Ask");
  }

  private List<String> asFatJar() {
    return List.of("-jar", built.resolve("fat-jar/target/fat-jar-1.jar").toString());
  }

  private List<String> inServer() throws IOException {
    Path sample = built.resolve("class-path/target");
    try (Stream<Path> jars = Files.list(sample.resolve("lib"))) {
      return List.of(
          "-cp",
          Path.of("target/test-classes").toAbsolutePath().toString(),
          ServerHost.class.getName(),
          Stream.concat(Stream.of(sample.resolve("classes")), jars)
              .map(Path::toString)
              .collect(Collectors.joining(File.pathSeparator)),
          "example.Ask");
    }
  }

  private List<String> inLayer(String granted) {
    Path sample = built.resolve("module-path/target");
    return List.of(
        "-cp",
        Path.of("target/test-classes").toAbsolutePath().toString(),
        LayerHost.class.getName(),
        sample.resolve("classes") + File.pathSeparator + sample.resolve("lib"),
        "example",
        "example.Ask",
        granted);
  }

  private static void answers(CommandRun run, String answer) {
    assertThat(run.ownErr()).isEmpty();
    assertThat(run.out().strip()).isEqualTo(answer);
    assertThat(run.code()).isZero();
  }

  private String answerAboutWebp() {
    try (Llava model = Llava.load(scenes.resolve("model"))) {
      return model.ask(Question.of(QUESTION, webp)).text();
    }
  }

  @Test
  void anApplicationOnTheClassPathAnswers() throws Exception {
    answers(java(and(VECTOR_API, and(NATIVE_ACCESS, onClassPath())), image), ANSWER);
  }

  @Test
  void anApplicationOnTheModulePathAnswersAlsoAboutWebp() throws Exception {
    List<String> flags = and("--enable-native-access=" + NATIVE_MODULES, onModulePath());
    answers(java(flags, image), ANSWER);
    answers(java(flags, webp), answerAboutWebp());
  }

  @Test
  void aFatJarAnswersAlsoAboutWebp() throws Exception {
    answers(java(and(VECTOR_API, asFatJar()), image), ANSWER);
    answers(java(and(VECTOR_API, asFatJar()), webp), answerAboutWebp());
  }

  @Test
  void insideAServerItAnswersAlsoAboutWebp() throws Exception {
    answers(java(and(VECTOR_API, and(NATIVE_ACCESS, inServer())), webp), answerAboutWebp());
  }

  @Test
  void inAModuleLayerWhoseControllerGrantsNativeAccessItAnswers() throws Exception {
    List<String> flags = and(VECTOR_API, and(NATIVE_ACCESS, inLayer(NATIVE_MODULES)));
    answers(java(and("--illegal-native-access=deny", flags), webp), answerAboutWebp());
  }

  @Test
  void withoutNativeAccessAModuleLayerWithADriverIsToldOfItsController() throws Exception {
    Path driver = Files.createFile(folder.resolve("libcuda.so.1"));
    List<String> flags =
        and(
            "--illegal-native-access=deny",
            and(
                "-Dpyramiddrop.cuda.driver=" + driver,
                and(VECTOR_API, and(NATIVE_ACCESS, inLayer("org.pyramiddrop.loader")))));
    assertThat(java(flags, image).out().strip())
        .startsWith("org.pyramiddrop.kernels.DeviceException: an NVIDIA driver is there")
        .contains("ModuleLayer.Controller enableNativeAccess")
        .doesNotContain("--enable-native-access")
        .hasLineCount(1);
  }

  @Test
  void withoutTheVectorApiAnApplicationEndsInTheFlag() throws Exception {
    for (List<String> flags : List.of(onClassPath(), asFatJar())) {
      CommandRun run = java(and(NATIVE_ACCESS, flags), image);
      assertThat(run.code()).isNotZero();
      assertThat(run.out()).isEmpty();
      assertThat(run.err().lines().findFirst().orElseThrow())
          .startsWith("Exception in thread \"main\" org.pyramiddrop.kernels.DeviceException: ")
          .endsWith("--add-modules jdk.incubator.vector");
    }
  }

  @Test
  void withoutTheVectorApiAServerIsToldTheFlag() throws Exception {
    CommandRun run = java(and(NATIVE_ACCESS, inServer()), image);
    assertThat(run.out().strip())
        .startsWith("org.pyramiddrop.kernels.DeviceException: ")
        .endsWith("--add-modules jdk.incubator.vector")
        .hasLineCount(1);
  }

  @Test
  void withoutNativeAccessJavaNamesTheFlagAndTheCpuAnswers() throws Exception {
    CommandRun classPath = java(and(VECTOR_API, onClassPath()), image);
    assertThat(classPath.out().strip()).isEqualTo(ANSWER);
    assertThat(classPath.err()).contains("Use " + NATIVE_ACCESS + " ");
    CommandRun modulePath = java(onModulePath(), image);
    assertThat(modulePath.out().strip()).isEqualTo(ANSWER);
    assertThat(modulePath.err()).contains("Use --enable-native-access=org.pyramiddrop.cuda ");
  }

  @Test
  void withoutNativeAccessAServerWithADriverIsToldTheFlag() throws Exception {
    Path driver = Files.createFile(folder.resolve("libcuda.so.1"));
    List<String> flags =
        and(
            "--illegal-native-access=deny",
            and("-Dpyramiddrop.cuda.driver=" + driver, and(VECTOR_API, inServer())));
    assertThat(java(flags, image).out().strip())
        .startsWith("org.pyramiddrop.kernels.DeviceException: an NVIDIA driver is there")
        .contains(NATIVE_ACCESS)
        .hasLineCount(1);
  }
}
