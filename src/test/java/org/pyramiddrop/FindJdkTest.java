package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** How scripts find a JDK. */
final class FindJdkTest {
  @TempDir private Path folder;

  private Program find(String shell) throws IOException {
    return Program.script(folder, shell, Installation.root().resolve("bin/find-jdk"))
        .without("JAVA_HOME");
  }

  /** What a JDK has that the script looks at. */
  private static Path jdk(Path home, String version) throws IOException {
    Path compiler = Files.createDirectories(home.resolve("bin")).resolve("javac");
    Files.createFile(compiler);
    assertThat(compiler.toFile().setExecutable(true)).isTrue();
    Files.writeString(
        home.resolve("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"%s\"\n".formatted(version));
    return home;
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.Program#shells")
  void findsOneInAUsualFolderWithNothingElseToGoBy(String shell) throws Exception {
    Program program = find(shell).without("TMPDIR").with("LC_ALL", "C");
    Path own = jdk(program.home().resolve(".sdkman/candidates/java/25"), "25.0.1");
    CommandRun run = program.run();
    assertThat(run.err()).isEmpty();
    Path found = Path.of(run.out().strip());
    // The machine may have one in a folder that is asked before.
    assertThat(found.resolve("bin/javac")).isExecutable();
    assertThat(found.equals(own) || found.startsWith("/")).isTrue();
    assertThat(Files.readString(found.resolve("release")))
        .containsPattern("JAVA_VERSION=\"(2[5-9]|[3-9]\\d)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"25", "25.0.3", "26-ea", "100.1"})
  void takesTheOneThatJavaHomeNames(String version) throws Exception {
    Path home = jdk(folder.resolve("a folder/jdk"), version);
    assertThat(find("sh").with("JAVA_HOME", home.toString()).run())
        .isEqualTo(new CommandRun(0, home + "\n", ""));
  }

  @ParameterizedTest
  @ValueSource(strings = {"17.0.9", "24", "9", ""})
  void passesOverOneThatIsTooOld(String version) throws Exception {
    Path old = jdk(folder.resolve("old"), version);
    Path path = jdk(folder.resolve("good"), "25");
    assertThat(
            find("sh")
                .with("JAVA_HOME", old.toString())
                .with("PATH", path.resolve("bin") + ":/usr/bin:/bin")
                .run())
        .isEqualTo(new CommandRun(0, path.toRealPath() + "\n", ""));
  }

  @Test
  void followsLinksFromThePath() throws Exception {
    Path home = jdk(folder.resolve("jdk"), "25");
    Path bin = Files.createDirectory(folder.resolve("links"));
    Files.createSymbolicLink(bin.resolve("javac"), Path.of("..", "jdk", "bin", "javac"));
    assertThat(find("sh").with("PATH", bin + ":/usr/bin:/bin").run().out())
        .isEqualTo(home.toRealPath() + "\n");
  }
}
