package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Builds a library of {@code src/test/c} with the host's C compiler. */
final class NativeStub {
  private NativeStub() {}

  /**
   * The compiled library, in a folder of its own. Without a C compiler the test is skipped.
   *
   * @param source file name, without its ending
   * @param library file name to give it
   * @param definitions such as {@code VERSION=12080}
   */
  static Path build(String source, String library, String... definitions) {
    try {
      Path file = Files.createTempDirectory(Path.of("target"), "stub").resolve(library);
      List<String> command = new ArrayList<>(List.of("cc", "-O1", "-shared", "-fPIC"));
      for (String definition : definitions) {
        command.add("-D" + definition);
      }
      command.addAll(List.of("-o", file.toString(), "src/test/c/" + source + ".c"));
      assumeTrue(hasCompiler(), "there is no C compiler (cc) to build a driver's stub with");
      Process process = new ProcessBuilder(command).inheritIO().start();
      assertThat(process.waitFor()).as("%s", command).isZero();
      return file.toAbsolutePath();
    } catch (IOException | InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static boolean hasCompiler() {
    return List.of(System.getenv("PATH").split(":")).stream()
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "cc")));
  }
}
