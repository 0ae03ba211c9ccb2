package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the root project says of itself, whatever Maven runs on. */
final class MavenBuildTest {
  @TempDir private Path folder;

  /** Maven, on what it has fetched for the build that these tests run in. */
  private Program maven(String... arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(property("maven.home"), "bin", "mvn").toString(),
                "--offline",
                "--batch-mode",
                "--non-recursive",
                "-Dmaven.repo.local=" + property("maven.repo.local")));
    command.addAll(List.of(arguments));
    return new Program(folder, command).in(Installation.root());
  }

  private static String property(String name) {
    String value = System.getProperty(name, "");
    assumeTrue(!value.isEmpty(), name + " is set where Maven runs the tests");
    return value;
  }

  @Test
  void anOlderJavaEndsInOneLineThatNamesTheOneItNeeds() throws Exception {
    Optional<Path> old = olderJdk();
    assumeTrue(old.isPresent(), "there is no Java between 17 and 24 in /usr/lib/jvm to try");

    CommandRun run = maven("validate").with("JAVA_HOME", old.orElseThrow().toString()).run();

    assertThat(run.code()).isNotZero();
    assertThat(run.out().lines().filter(line -> line.contains("needs a JDK 25 or newer")))
        .singleElement()
        .asString()
        .contains("JAVA_HOME");
    assertThat(run.out()).doesNotContainIgnoringCase("spotless");
  }

  @Test
  void whatTestsLeaveBehindFailsTheBuildAndIsNamed() throws Exception {
    Path folders = Files.createDirectory(folder.resolve("folders"));
    Path left = Files.createDirectories(folders.resolve("home/.cache"));
    Path file = Files.createFile(Files.createDirectory(folders.resolve("tmp")).resolve("left"));

    CommandRun run = maven("antrun:run@nothing-left-by-tests", "-Dtest.folders=" + folders).run();

    assertThat(run.code()).isNotZero();
    assertThat(run.out())
        .contains("tests left files or folders behind: ")
        .contains(file.toString())
        .contains(left.toString());
  }

  @Test
  void testsHaveAHomeAndATemporaryFolderOfTheirOwn() {
    Path folders = Path.of(property("test.folders"));
    assertThat(folders).isAbsolute().startsWith(Installation.root()).isDirectory();
    assertThat(Path.of(System.getProperty("user.home"))).isEqualTo(folders.resolve("home"));
    assertThat(Path.of(System.getProperty("java.io.tmpdir"))).isEqualTo(folders.resolve("tmp"));
    assertThat(Path.of(System.getenv("HOME"))).isEqualTo(folders.resolve("home"));
    assertThat(Path.of(System.getenv("TMPDIR"))).isEqualTo(folders.resolve("tmp"));
    assertThat(Path.of(System.getenv("XDG_CACHE_HOME"))).isEqualTo(folders.resolve("home/.cache"));
    assertThat(folder).startsWith(folders);
  }

  private static Optional<Path> olderJdk() throws IOException {
    Path place = Path.of("/usr/lib/jvm");
    if (!Files.isDirectory(place)) {
      return Optional.empty();
    }
    try (Stream<Path> homes = Files.list(place)) {
      return homes.filter(MavenBuildTest::isOld).findFirst();
    }
  }

  private static boolean isOld(Path home) {
    try {
      return Files.isExecutable(home.resolve("bin/java"))
          && Files.readString(home.resolve("release"))
              .matches("(?s).*JAVA_VERSION=\"(1[7-9]|2[0-4])\\b.*");
    } catch (IOException e) {
      return false;
    }
  }
}
