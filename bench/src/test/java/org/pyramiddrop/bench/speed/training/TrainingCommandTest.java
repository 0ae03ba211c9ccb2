package org.pyramiddrop.bench.speed.training;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

/** The command on toy sizes, and a side that stands in for PyTorch's. */
class TrainingCommandTest {
  private static final CheckpointShape TINY =
      new CheckpointShape(
          4, 64, 96, 2, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));

  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @BeforeEach
  void keepResultsApart() {
    System.setProperty(BenchFolder.PROPERTY, temp.resolve("results").toString());
    RandomCheckpoint.write(temp.resolve("model"), TINY.config(), DType.BFLOAT16, 1);
  }

  @AfterEach
  void restore() {
    System.clearProperty(BenchFolder.PROPERTY);
  }

  private int run(String... more) {
    return run(temp.resolve("model"), more);
  }

  private int run(Path model, String... more) {
    String[] arguments = new String[more.length + 5];
    System.arraycopy(
        new String[] {"training", "--model", model.toString(), "--rounds", "2"},
        0,
        arguments,
        0,
        5);
    System.arraycopy(more, 0, arguments, 5, more.length);
    return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
  }

  private JsonNode rows() {
    return JsonMapper.shared()
        .readTree(temp.resolve("results").resolve("training.json").toFile())
        .path("rows");
  }

  @Test
  void setsEachPlansTimeAgainstItsWork() {
    int code = run("--batch", "2", "--answer-tokens", "7");
    assertThat(err.toString()).isEmpty();
    assertThat(code).isZero();
    assertThat(out.toString())
        .contains(
            "a training step", "no drops", "FastV", "PyramidDrop λ=0.5", "FLOPs ratio", "paid")
        .contains("2 samples of 16 image tokens and 60 of text, 7 of them an answer's");
    JsonNode plain = rows().get(0);
    for (JsonNode row : rows()) {
      double ratio = plain.path("flops").doubleValue() / row.path("flops").doubleValue();
      assertThat(row.path("flopsRatio").doubleValue()).isCloseTo(ratio, within(1e-12));
      assertThat(row.path("paid").doubleValue())
          .isCloseTo(row.path("timesAsFast").path("median").doubleValue() / ratio, within(1e-12));
    }
    assertThat(plain.path("paid").doubleValue()).isEqualTo(1);
  }

  @Test
  void aLoraIsLessWork() {
    assertThat(run()).isZero();
    double whole = rows().get(0).path("flops").doubleValue();
    assertThat(run("--lora-rank", "2")).isZero();
    assertThat(rows().get(0).path("flops").doubleValue()).isBetween(whole / 2, whole * 0.9);
  }

  /** What another side has to say of a step, in the protocol of torch_side.py. */
  private Path side(double loss) throws IOException {
    return Files.writeString(
        temp.resolve("side.sh"),
        """
        echo '{"torch": "0", "transformers": "0", "threads": 1}'
        while read -r line; do
          case "$line" in
            *train*)
              file=$(printf '%%s' "$line" | sed 's/.*"output":"\\([^"]*\\)".*/\\1/')
              printf '%%b' '%s' >"$file"
              echo '{"output": "float32"}' ;;
            *) echo '{"millis": [5.0]}' ;;
          esac
        done
        """
            .formatted(escaped((float) loss)));
  }

  private static String escaped(float value) {
    int bits = Float.floatToRawIntBits(value);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < Float.BYTES; i++) {
      text.append("\\0").append(Integer.toOctalString((bits >>> (8 * i)) & 0xFF));
    }
    return text.toString();
  }

  @Test
  void timesNothingBesideASideThatComputesAnotherLoss() throws IOException {
    int code = run("--python", "sh", "--script", side(123).toString());
    assertThat(code).isEqualTo(1);
    assertThat(err.toString().lines()).hasSize(1);
    assertThat(err.toString()).contains("PyTorch's loss is 123.0", "nothing was timed");
  }

  @Test
  void timesPyTorchBesideOursWhereTheLossesAgree() throws IOException {
    run("--lora-rank", "2", "--python", "sh", "--script", side(123).toString());
    Matcher ours = Pattern.compile("ours ([0-9.]+)").matcher(err.toString());
    assertThat(ours.find()).isTrue();
    String side = side(Double.parseDouble(ours.group(1))).toString();
    assertThat(run("--lora-rank", "2", "--python", "sh", "--script", side)).isZero();
    JsonNode theirs = rows().get(rows().size() - 1);
    assertThat(theirs.path("name").stringValue()).isEqualTo("no drops, torch 0, transformers 0");
    assertThat(theirs.path("millis").path("median").doubleValue()).isEqualTo(5);
  }

  @Test
  void measuresOursAndSaysWhyWherePyTorchCannot() throws IOException {
    Path side = Files.writeString(temp.resolve("side.sh"), "echo '{\"error\": \"no peft\"}'");
    assertThat(run("--lora-rank", "2", "--python", "sh", "--script", side.toString())).isZero();
    assertThat(out.toString()).contains("a LoRA of rank 2; without PyTorch: sh no peft");
    assertThat(rows()).noneMatch(row -> row.path("name").stringValue().contains("torch"));
  }

  @Test
  void takesFiveCropsOfAModelThatCutsTiles() {
    RandomCheckpoint.write(temp.resolve("next"), TINY.nextConfig(), DType.BFLOAT16, 1);
    assertThat(run(temp.resolve("next"))).isZero();
    assertThat(out.toString()).contains("1 sample of 88 image tokens");
  }
}
