package org.pyramiddrop.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.VisionConfig;

/** The command on an emulated GPU, in toy sizes, and without a GPU. */
class GpuCommandTest {
  private static final Path EMULATED =
      Path.of(System.getProperty("pyramiddrop.emulated", "../target/emulated")).toAbsolutePath();

  @TempDir private Path temp;

  private final Map<String, String> before = new LinkedHashMap<>();
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private void set(String property, Path value) {
    before.put(property, System.getProperty(property, ""));
    System.setProperty(property, value.toString());
  }

  @AfterEach
  void restore() {
    before.forEach((property, value) -> {
      if (value.isEmpty()) {
        System.clearProperty(property);
      } else {
        System.setProperty(property, value);
      }
    });
  }

  private void emulate() throws IOException {
    Path driver = EMULATED.resolve("libcuda-emulated.so");
    assertThat(driver).as("the emulated CUDA libraries; run make emulation").exists();
    set("pyramiddrop.cuda.driver", driver);
    set("pyramiddrop.cuda.cublasLt", EMULATED.resolve("libcublasLt-emulated.so"));
    set("pyramiddrop.cuda.kernels", Files.writeString(temp.resolve("kernels"), "emulated"));
  }

  private int run(String... arguments) {
    return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }

  @Test
  void measuresAModelAndItsOperationsAndSaysOnWhat() throws IOException {
    emulate();
    CheckpointShape shape =
        new CheckpointShape(
            4, 64, 96, 2, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
    Path model = temp.resolve("model");
    RandomCheckpoint.write(model, shape.config(), DType.BFLOAT16, 1);
    Path file = temp.resolve("gpu.md");
    int code =
        run(
            "gpu",
            "--tiny",
            "--runs=1",
            "--steps=1",
            "--repeats=2",
            "--python=no-such-python",
            "--script=" + Files.writeString(temp.resolve("side.py"), ""),
            "--model=" + model,
            "--out=" + file);
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    assertThat(out.toString())
        .contains("GPU: Emulated GPU 0")
        .contains("on cuda, Emulated GPU 0, bfloat16: 16 tokens of a picture and 60 of text")
        .contains("prefill, PyramidDrop λ=0.5", "decode step, FastV", "keys and values")
        .contains("no PyTorch: no-such-python can't be started");
    assertThat(Files.readString(file)).contains("- GPU: Emulated GPU 0", "| prefill, no drops |");
  }

  @Test
  void saysWhyThereIsNoGpu() {
    set("pyramiddrop.cuda.driver", temp.resolve("libcuda.so.1"));
    assertThat(run("gpu")).isEqualTo(1);
    assertThat(out.toString().lines())
        .singleElement()
        .asString()
        .startsWith("no usable GPU: no NVIDIA driver");
  }

  @Test
  void mayBeToldToPassWhereThereIsNoGpu() {
    set("pyramiddrop.cuda.driver", temp.resolve("libcuda.so.1"));
    assertThat(run("gpu", "--skip")).isZero();
    assertThat(out.toString().lines())
        .singleElement()
        .asString()
        .startsWith("skipped: no NVIDIA driver");
  }
}
