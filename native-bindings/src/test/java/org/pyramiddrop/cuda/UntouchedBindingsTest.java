package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Without a driver the generated bindings, which need one to load, are never touched. */
final class UntouchedBindingsTest {
  @TempDir private Path empty;

  /** Asks as a program does, in a JVM of its own. */
  static final class Asker {
    private Asker() {}

    public static void main(String[] arguments) {
      System.out.println("asked: " + CudaDriver.probe());
      try (Context context = Context.open(0)) {
        System.out.println("opened: " + context.deviceName());
      } catch (IllegalStateException e) {
        System.out.println("refused: " + e.getMessage());
      }
    }
  }

  @Test
  void aMachineWithoutADriverLoadsNoBindings() throws IOException, InterruptedException {
    String output = run("-Dpyramiddrop.cuda.driver=" + empty);

    assertThat(output).contains("asked: Unavailable", "refused: CUDA can't be used: no NVIDIA");
    assertThat(output).as("the log works").contains("org.pyramiddrop.cuda.CudaDriver source:");
    assertThat(output).doesNotContain("org.pyramiddrop.cuda.bindings");
  }

  @Test
  void aMachineWithoutCublasLoadsNoBindings() throws IOException, InterruptedException {
    Path driver = NativeStub.build("driver_stub", "libcuda.so.1");
    String output =
        run("-Dpyramiddrop.cuda.driver=" + driver, "-Dpyramiddrop.cuda.cublasLt=" + empty);

    assertThat(output).contains("refused: CUDA can't be used: no cuBLASLt");
    assertThat(output).doesNotContain("org.pyramiddrop.cuda.bindings");
  }

  @Test
  void aMachineWithBothLoadsThem() throws IOException, InterruptedException {
    Path driver = NativeStub.build("driver_stub", "libcuda.so.1");
    Path cublas = NativeStub.build("cublaslt_stub", "libcublasLt.so.13");
    String output =
        run("-Dpyramiddrop.cuda.driver=" + driver, "-Dpyramiddrop.cuda.cublasLt=" + cublas);

    assertThat(output).contains("opened: Stub 7", "org.pyramiddrop.cuda.bindings");
  }

  @Test
  void deniedNativeAccessIsAReasonToo() throws IOException, InterruptedException {
    String output = run("--illegal-native-access=deny");

    assertThat(output).contains("asked: Unavailable", "--enable-native-access=ALL-UNNAMED");
  }

  private static String run(String... options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(options));
    if (!command.contains("--illegal-native-access=deny")) {
      command.add("--enable-native-access=ALL-UNNAMED");
    }
    command.addAll(
        List.of(
            "-Xlog:class+load",
            "-cp",
            System.getProperty("java.class.path"),
            Asker.class.getName()));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output;
  }
}
