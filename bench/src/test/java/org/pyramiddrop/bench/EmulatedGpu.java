package org.pyramiddrop.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/** Lets the CUDA backend find the emulated GPU, or none, until it is closed. */
public final class EmulatedGpu implements AutoCloseable {
  private static final Path LIBRARIES =
      Path.of(System.getProperty("pyramiddrop.emulated", "../target/emulated")).toAbsolutePath();

  private final Map<String, String> before = new LinkedHashMap<>();

  private EmulatedGpu() {}

  /**
   * An emulated GPU.
   *
   * @param temp a folder for a file
   */
  public static EmulatedGpu present(Path temp) throws IOException {
    Path driver = LIBRARIES.resolve("libcuda-emulated.so");
    assertThat(driver).as("the emulated CUDA libraries; run make emulation").exists();
    EmulatedGpu gpu = new EmulatedGpu();
    gpu.set("pyramiddrop.cuda.driver", driver);
    gpu.set("pyramiddrop.cuda.cublasLt", LIBRARIES.resolve("libcublasLt-emulated.so"));
    gpu.set("pyramiddrop.cuda.kernels", Files.writeString(temp.resolve("kernels"), "emulated"));
    gpu.set("pyramiddrop.cuda.tuning", Path.of("off"));
    return gpu;
  }

  /** No GPU, whatever this machine has. */
  public static EmulatedGpu absent(Path temp) {
    EmulatedGpu gpu = new EmulatedGpu();
    gpu.set("pyramiddrop.cuda.driver", temp.resolve("libcuda.so.1"));
    return gpu;
  }

  private void set(String property, Path value) {
    before.put(property, System.getProperty(property, ""));
    System.setProperty(property, value.toString());
  }

  @Override
  public void close() {
    before.forEach((property, value) -> {
      if (value.isEmpty()) {
        System.clearProperty(property);
      } else {
        System.setProperty(property, value);
      }
    });
  }
}
