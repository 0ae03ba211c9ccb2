package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The command as users have it: a script, a jar and a Java. */
final class InstallationTest {
  @TempDir private Path folder;

  @BeforeEach
  void needsTheJar() {
    assumeTrue(
        Files.exists(Installation.root().resolve("cli/target/pyramiddrop.jar")),
        "the phase test makes no jar: run mvn verify");
  }

  @ParameterizedTest
  @MethodSource
  void startsUnderEachShellAndLeavesNothing(Installation installation, String shell)
      throws Exception {
    Program program = Program.script(folder, shell, installation.command(), "flops");

    CommandRun run = program.run();

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.out()).contains("1.78");
    assertThat(run.code()).isZero();
    assertThat(program.leftovers()).isEmpty();
  }

  static Stream<Arguments> startsUnderEachShellAndLeavesNothing() {
    return Stream.of(Installation.values())
        .flatMap(installation -> Program.shells().map(shell -> Arguments.of(installation, shell)));
  }

  @Test
  void aDistFolderNeedsNoInstalledJava() throws Exception {
    Program program =
        Program.script(folder, "/bin/sh", Installation.DIST.command(), "flops")
            .without("JAVA_HOME")
            .with("PATH", onlyShellCommands().toString());

    CommandRun run = program.run();

    assertThat(run.ownErr()).isEmpty();
    assertThat(run.out()).contains("1.78");
  }

  /** A folder of what the script itself calls: no Java is among it. */
  private Path onlyShellCommands() throws IOException {
    Path bin = Files.createDirectory(folder.resolve("bin"));
    for (String command : List.of("dirname", "readlink")) {
      Path file =
          Files.writeString(
              bin.resolve(command),
              "#!/bin/sh\nPATH=/usr/bin:/bin exec %s \"$@\"\n".formatted(command));
      assertThat(file.toFile().setExecutable(true)).isTrue();
    }
    return bin;
  }
}
