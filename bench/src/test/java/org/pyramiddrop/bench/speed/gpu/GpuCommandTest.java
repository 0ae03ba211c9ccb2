package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.EmulatedGpu;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.speed.pruning.Phases.Phase;
import org.pyramiddrop.bench.speed.pruning.PlanResult;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.VisionConfig;

/** The command on an emulated GPU, in toy sizes, and without a GPU. */
class GpuCommandTest {
  private static final CheckpointShape TINY =
      new CheckpointShape(
          4, 64, 96, 2, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));

  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int run(String... arguments) {
    return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }

  private int measure(String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(List.of("--tiny", "--runs=1", "--repeats=2", "--python=no-such-python"));
    arguments.add("--script=" + Files.writeString(temp.resolve("side.py"), ""));
    arguments.addAll(List.of(more));
    return emulated(arguments);
  }

  private int emulated(List<String> arguments) throws IOException {
    List<String> all = new ArrayList<>(List.of("gpu"));
    all.addAll(arguments);
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      return run(all.toArray(String[]::new));
    }
  }

  private Path model(LlavaConfig config) {
    Path model = temp.resolve("model");
    RandomCheckpoint.write(model, config, DType.BFLOAT16, 1);
    return model;
  }

  @Test
  void measuresAModelAndSaysOnWhat() throws IOException {
    Path file = temp.resolve("gpu.md");
    int code = measure("--new-tokens=3", "--model=" + model(TINY.config()), "--out=" + file);
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    assertThat(out.toString())
        .contains("GPU: Emulated GPU 0", "4 layers, 64 wide, on cuda, Emulated GPU 0, bfloat16")
        .contains("LLaVA-1.5: an image of 56×56 pixels, 1 crop, 16 image tokens, 60 of text")
        .contains("prefill, PyramidDrop λ=0.5", "decode step, FastV", "3 tokens, no drops")
        .contains("what pruning pays", "keys and values", "square product, TFLOP/s")
        .contains("PyTorch, max-autotune: no PyTorch: no-such-python can't be started")
        .containsPattern("3 tokens, no drops: times as fast as PyTorch.* not measured");
    assertThat(Files.readString(file))
        .contains("- GPU: Emulated GPU 0", "| prefill, no drops |", "## goals");
    ModelResult result = ModelResult.read(temp.resolve("gpu.json"));
    assertThat(result.seen()).isEqualTo(result.ceilings());
    assertThat(result.peers()).hasSize(3);
    assertThat(result.plans()).hasSize(3);
    assertThat(Objects.requireNonNull(result.newLengths()).first().low()).isPositive();
    assertThat(out.toString()).contains("a prompt of a length not met before");
    // 16 and 60 tokens, 2 to come; keys and values of 64 bfloat16 numbers in 4 layers. What is
    // recorded has room for multiples of 64 tokens: of PyramidDrop's 78, 70, 66 and 64, too.
    assertThat(result.plans().getFirst().keyValueBytes()).isEqualTo(128 * 4 * 2 * 64 * 2);
    assertThat(result.plans().get(2).keyValueBytes()).isEqualTo((3 * 128 + 64) * 2 * 64 * 2);
    PlanResult plain = result.plans().getFirst();
    assertThat(plain.paid().get(Phase.PREFILL)).isCloseTo(1, within(1e-12));
    assertThat(plain.millis().get(Phase.ANSWER).median())
        .isGreaterThan(plain.millis().get(Phase.STEP).median())
        .isGreaterThan(0);
  }

  @Test
  void measuresAnImageOfTiles() throws IOException {
    Path file = temp.resolve("gpu.md");
    int code =
        measure(
            "--new-tokens=2",
            "--text-tokens=4",
            "--torch=none",
            "--tflops=500",
            "--plan=visionzip:3+2,pyramid:2:0.5",
            "--plan=divprune:9",
            "--model=" + model(TINY.nextConfig()),
            "--out=" + file);
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    // The whole image's 4×4 patches, then 8 rows of 8 and a newline.
    assertThat(out.toString())
        .contains("LLaVA-NeXT: an image of 112×112 pixels, 5 crops, 88 image tokens, 4 of text");
    ModelResult result = ModelResult.read(temp.resolve("gpu.json"));
    assertThat(result.peers()).isEmpty();
    assertThat(result.plans())
        .extracting(PlanResult::name)
        .containsExactly("no drops", "visionzip:3+2,pyramid:2:0.5", "divprune:9");
    assertThat(result.ceilings().tflops()).isEqualTo(500);
    assertThat(result.ceilings().bandwidth()).isEqualTo(result.seen().bandwidth());
  }

  @Test
  void measuresOperationsAlone() throws IOException {
    Path file = temp.resolve("gpu.md");
    assertThat(measure("--out=" + file)).isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString())
        .contains("operations alone", "attention, 20 tokens", "square product, TFLOP/s")
        .contains("no PyTorch: no-such-python can't be started");
    assertThat(Files.readString(file))
        .contains("- GPU: Emulated GPU 0", "| attention, 20 tokens |");
  }

  @Test
  void refusesWhatItCannotMeasure() throws IOException {
    Path model = model(TINY.config());
    refuses("--new-tokens must be at least 2, not 1", "--new-tokens=1");
    refuses("--runs must be at least 1, not 0", "--runs=0");
    refuses("--torch takes eager, compiled, max-autotune or none, not fast", "--torch=fast");
    refuses("ceilings must be above 0", "--tflops=-1");
    refuses("--plan is of a whole model", "--plan=divprune:9");
    refuses("piece 'divprune:0'", "--model=" + model, "--plan=divprune:0");
    refuses("written width x height", "--model=" + model, "--image=672");
    refuses(
        "don't fit into the model's 4096 positions",
        "--tiny",
        "--runs=1",
        "--repeats=1",
        "--model=" + model,
        "--new-tokens=4090");
  }

  private void refuses(String message, String... arguments) throws IOException {
    err.getBuffer().setLength(0);
    assertThat(emulated(List.of(arguments))).as(message).isEqualTo(2);
    assertThat(err.toString().lines()).singleElement().asString().contains(message);
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
