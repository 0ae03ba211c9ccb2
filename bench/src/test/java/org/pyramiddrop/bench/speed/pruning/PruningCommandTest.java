package org.pyramiddrop.bench.speed.pruning;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.VisionConfig;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command on toy sizes, on the CPU and on an emulated GPU, and without a GPU. */
class PruningCommandTest {
  private static final Path EMULATED =
      Path.of(System.getProperty("pyramiddrop.emulated", "../target/emulated")).toAbsolutePath();
  private static final CheckpointShape TINY =
      new CheckpointShape(
          4, 64, 96, 2, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));

  @TempDir private Path temp;

  private final Map<String, String> before = new LinkedHashMap<>();
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void keepResultsApart() {
    set(BenchFolder.PROPERTY, temp.resolve("results"));
  }

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

  private int run(String... arguments) {
    return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }

  private Path tiny(DType dtype) {
    Path model = temp.resolve("model");
    RandomCheckpoint.write(model, TINY.config(), dtype, 1);
    return model;
  }

  private void emulate() throws IOException {
    Path driver = EMULATED.resolve("libcuda-emulated.so");
    assertThat(driver).as("the emulated CUDA libraries; run make emulation").exists();
    set("pyramiddrop.cuda.driver", driver);
    set("pyramiddrop.cuda.cublasLt", EMULATED.resolve("libcublasLt-emulated.so"));
    set("pyramiddrop.cuda.kernels", Files.writeString(temp.resolve("kernels"), "emulated"));
  }

  @Test
  void measuresAllPlansAndWritesWhatItFound() throws IOException {
    Path chart = temp.resolve("pay.png");
    Path markdown = temp.resolve("pay.md");
    int code =
        run(
            "pruning",
            "--model=" + tiny(DType.BFLOAT16),
            "--text-tokens=7",
            "--new-tokens=3",
            "--rounds=2",
            "--breakdown-rounds=1",
            "--threads=1",
            "--chart=" + chart,
            "--markdown=" + markdown);
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    assertThat(out.toString())
        .contains(
            "4 layers, 64 wide; 16 tokens of an image and 7 of text; timed rounds: 2, and 1 for")
        .contains("vision", "prefill", "decode, a token", "end to end, 3 new tokens", "ranking");
    assertThat(Files.readString(markdown))
        .contains("- command: bench pruning --model=", "| PyramidDrop λ=0.5 |", "## decode");
    assertThat(ImageIO.read(chart.toFile())).isNotNull();
    JsonNode file =
        JsonMapper.shared().readTree(temp.resolve("results").resolve("pruning.json").toFile());
    assertThat(file.path("machine").path("commit").stringValue()).isNotEmpty();
    List<JsonNode> plans = file.path("plans").valueStream().toList();
    assertThat(plans.stream().map(plan -> plan.path("name").stringValue()))
        .containsExactly(
            "no drops",
            "FastV K=2 R=0.5",
            "PyramidDrop λ=0.4",
            "PyramidDrop λ=0.5",
            "PyramidDrop λ=0.6",
            "VisionZip 2+0",
            "VisionZip 2+0, PyramidDrop λ=0.5",
            "DivPrune 1",
            "CDPruner 1",
            "random 1");
    assertThat(plans)
        .allSatisfy(plan -> {
          assertThat(plan.path("paid").path("prefill").doubleValue())
              .isEqualTo(
                  plan.path("speedup").path("prefill").path("median").doubleValue()
                      / plan.path("flopsRatio").path("prefill").doubleValue());
          assertThat(plan.path("millis").path("answer").path("count").intValue()).isEqualTo(2);
        });
    assertThat(plans.get(1).path("work").path("prefillFlops").doubleValue())
        .isLessThan(plans.getFirst().path("work").path("prefillFlops").doubleValue());
    assertThat(file.path("prefillShares").valueStream())
        .hasSize(10)
        .allSatisfy(plan -> assertThat(plan.path("shares").size()).isEqualTo(10));
  }

  @Test
  void timesGivenPlansBesideNoDrops() {
    int code =
        run(
            "pruning",
            "--model=" + tiny(DType.BFLOAT16),
            "--text-tokens=4",
            "--new-tokens=2",
            "--rounds=1",
            "--breakdown-rounds=0",
            "--plan=visionzip:5+2,pyramid:2:0.5",
            "--plan=random:3@-4:tower");
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    JsonNode file =
        JsonMapper.shared().readTree(temp.resolve("results").resolve("pruning.json").toFile());
    assertThat(file.path("plans").valueStream().map(plan -> plan.path("name").stringValue()))
        .containsExactly("no drops", "visionzip:5+2,pyramid:2:0.5", "random:3@-4:tower");
    assertThat(out.toString()).contains("visionzip:5+2,pyramid:2:0.5").doesNotContain("FastV");
  }

  @Test
  void runsOnAGpuWithoutABreakdown() throws IOException {
    emulate();
    int code =
        run(
            "pruning",
            "--backend=cuda",
            "--model=" + tiny(DType.BFLOAT16),
            "--text-tokens=4",
            "--new-tokens=2",
            "--rounds=1");
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    assertThat(out.toString())
        .contains("device: cuda, Emulated GPU 0", "end to end, 2 new tokens", "CDPruner 1")
        .doesNotContain("ranking");
  }

  @Test
  void refusesToTimeAGpusOperationsOneByOne() throws IOException {
    emulate();
    int code =
        run("pruning", "--backend=cuda", "--model=" + tiny(DType.BFLOAT16), "--breakdown-rounds=1");
    assertThat(code).isEqualTo(2);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .contains("runs operations after their calls return", "--breakdown-rounds 0");
  }

  @Test
  void saysWhatAGpuLacksBeforeItWritesACheckpoint() {
    set("pyramiddrop.cuda.driver", temp.resolve("libcuda.so.1"));
    assertThat(run("pruning", "--backend=cuda", "--small", "--layers=4")).isEqualTo(1);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("bench: the CUDA backend can't be used: no NVIDIA driver");
    assertThat(temp.resolve("results")).doesNotExist();
  }

  @Test
  void refusesWhatItCannotMeasure() {
    refuses("--rounds must be at least 1, not 0", "--rounds=0");
    refuses("--new-tokens must be at least 2, not 1", "--new-tokens=1");
    refuses("--text-tokens must be at least 2, not 1", "--text-tokens=1");
    refuses("--breakdown-rounds must be at least 0, not -1", "--breakdown-rounds=-1");
    refuses("4 stages don't fit into the model's 3 decoder layers", "--layers=3");
    refuses("don't fit into the model's 4096 positions", "--text-tokens=4000");
    refuses("piece 'zip:1' of plan 'zip:1': there is no such piece", "--plan=zip:1");
    refuses("drop layer 8 is outside the model's 8 decoder layers", "--plan=fastv:8:0.5");
    refuses("can't be written: no such folder as", "--chart=" + temp.resolve("no/chart.png"));
    refuses("leave them out beside --model", "--model=" + temp);
    assertThat(temp.resolve("results")).doesNotExist();
  }

  private void refuses(String message, String argument) {
    err.getBuffer().setLength(0);
    assertThat(run("pruning", "--small", argument)).as(argument).isEqualTo(2);
    assertThat(err.toString().lines()).singleElement().asString().contains(message);
  }
}
