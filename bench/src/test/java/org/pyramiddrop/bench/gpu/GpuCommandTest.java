package org.pyramiddrop.bench.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.EmulatedGpu;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.VisionConfig;

/** The command on an emulated GPU, in toy sizes, and without a GPU. */
class GpuCommandTest {
  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... arguments) {
    return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }

  @Test
  void measuresAModelAndItsOperationsAndSaysOnWhat() throws IOException {
    CheckpointShape shape =
        new CheckpointShape(
            4, 64, 96, 2, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
    Path model = temp.resolve("model");
    RandomCheckpoint.write(model, shape.config(), DType.BFLOAT16, 1);
    Path file = temp.resolve("gpu.md");
    int code;
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      code =
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
    }
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
    try (EmulatedGpu _ = EmulatedGpu.absent(temp)) {
      assertThat(run("gpu")).isEqualTo(1);
    }
    assertThat(out.toString().lines())
        .singleElement()
        .asString()
        .startsWith("no usable GPU: no NVIDIA driver");
  }

  @Test
  void mayBeToldToPassWhereThereIsNoGpu() {
    try (EmulatedGpu _ = EmulatedGpu.absent(temp)) {
      assertThat(run("gpu", "--skip")).isZero();
    }
    assertThat(out.toString().lines())
        .singleElement()
        .asString()
        .startsWith("skipped: no NVIDIA driver");
  }
}
