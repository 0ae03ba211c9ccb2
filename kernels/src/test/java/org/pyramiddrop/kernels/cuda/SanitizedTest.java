package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernels with sanitizers in them, run by a JVM of their own since the first fault ends the
 * process.
 */
class SanitizedTest {
  @ParameterizedTest
  @ValueSource(strings = {"global_read", "global_write", "shared_write"})
  void anAccessBesideMemoryEndsTheProcessAndIsNamed(String fault)
      throws IOException, InterruptedException {
    Outcome outcome = run("planted_" + fault);
    assertThat(outcome.status).isNotZero();
    assertThat(outcome.output)
        .contains("AddressSanitizer: use-after-poison")
        .containsPattern("planted_" + fault + " .*planted\\.cu")
        .doesNotContain("finished");
  }

  @Test
  void aCorrectKernelIsLeftAlone() throws IOException, InterruptedException {
    Outcome outcome = run("correct_global_write");
    assertThat(outcome.output).contains("finished");
    assertThat(outcome.status).isZero();
  }

  private record Outcome(int status, String output) {}

  private static Outcome run(String kernel) throws IOException, InterruptedException {
    Path folder = Objects.requireNonNull(Emulated.sanitizedDriver().getParent());
    Path output = Files.createTempFile("sanitized", ".txt");
    try {
      ProcessBuilder builder =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "--enable-native-access=ALL-UNNAMED",
                  "-Dpyramiddrop.emulated=" + folder,
                  "-cp",
                  placeOf(SanitizedTest.class) + File.pathSeparator + placeOf(Assertions.class),
                  OneLaunch.class.getName(),
                  kernel)
              .redirectErrorStream(true)
              .redirectOutput(output.toFile());
      builder.environment().put("LD_PRELOAD", Files.readString(folder.resolve("preload")).strip());
      // The JVM handles these signals itself, and leaves memory to the end of the process.
      builder
          .environment()
          .put("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_sigfpe=0:detect_leaks=0");
      Process process = builder.start();
      if (!process.waitFor(2, TimeUnit.MINUTES)) {
        process.destroyForcibly();
        throw new AssertionError("did not end: " + Files.readString(output));
      }
      return new Outcome(
          process.exitValue(), Files.readString(output, StandardCharsets.ISO_8859_1));
    } finally {
      Files.delete(output);
    }
  }

  /**
   * The folder or jar that a class comes from: the build tool's own class path may be an odd one.
   */
  private static String placeOf(Class<?> type) {
    return Path.of(URI.create(type.getProtectionDomain().getCodeSource().getLocation().toString()))
        .toString();
  }

  /** Launches the kernel it is given once. */
  static final class OneLaunch {
    private OneLaunch() {}

    public static void main(String[] arguments) {
      int threads = 64;
      try (EmulatedGpu gpu = new EmulatedGpu(1)) {
        long in = gpu.upload(IntStream.range(0, threads).toArray());
        long out = gpu.allocate(4L * threads);
        for (String kernel : List.of(arguments)) {
          gpu.launch(kernel, in, out, threads, threads, 4 * threads);
          gpu.check("cuStreamSynchronize", gpu.stream());
        }
      }
      System.out.println("finished");
    }
  }
}
