package org.pyramiddrop.bench.speed.gpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.bench.Bench;
import org.pyramiddrop.bench.EmulatedGpu;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.kernels.DType;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command on an emulated GPU, whose times mean nothing, and without one. */
class ProfileCommandTest {
  @TempDir private Path temp;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private String model = "";

  @BeforeEach
  void write() {
    Path folder = temp.resolve("model");
    RandomCheckpoint.write(folder, ModelSize.TINY.shape().config(), DType.BFLOAT16, 1);
    model = "--model=" + folder;
  }

  private int run(String... arguments) {
    System.setProperty(BenchFolder.PROPERTY, temp.toString());
    try {
      return Bench.run(new PrintWriter(out, true), new PrintWriter(err, true), arguments);
    } finally {
      System.clearProperty(BenchFolder.PROPERTY);
    }
  }

  @ParameterizedTest
  @CsvSource({"graph, pyramid", "stream, fastv", "graph, none"})
  void tellsWhereTheTimeOfEachPartGoes(String order, String plan) throws IOException {
    Path markdown = temp.resolve("profile.md");
    try (EmulatedGpu _ = EmulatedGpu.present(temp)) {
      int code =
          run(
              "profile",
              model,
              "--runs=3",
              "--order=" + order,
              "--plan=" + plan,
              "--markdown=" + markdown);
      assertThat(err.toString()).isEmpty();
      assertThat(code).isZero();
    }
    assertThat(out.toString())
        .contains("device: cuda, Emulated GPU 0", "16 tokens of an image in 1 crops")
        .contains(
            "one crop through vision tower",
            "prefill, 76 tokens, plan " + plan.toUpperCase(Locale.ROOT))
        .contains("decode step behind it", "two events alone are");
    assertThat(Files.readString(markdown)).contains("| rms_norm_bfloat16 |");
    JsonNode parts = JsonMapper.shared().readTree(temp.resolve("profile.json")).get("parts");
    assertThat(parts.size()).isEqualTo(3);
    for (JsonNode part : parts) {
      double sum = 0;
      for (JsonNode launch : part.get("launches")) {
        assertThat(launch.get("kernel").asString()).isNotEmpty();
        sum += launch.get("micros").asDouble();
      }
      assertThat(sum).isPositive();
      assertThat(part.get("plainMicros").get("median").asDouble()).isPositive();
    }
    long selections = count(parts.get(1), "select_top_k");
    assertThat(selections > 0).isEqualTo(!plan.equals("none"));
    assertThat(count(parts.get(2), "sample")).as("the token is chosen in the step").isOne();
  }

  private static long count(JsonNode part, String kernel) {
    long count = 0;
    for (JsonNode launch : part.get("launches")) {
      count += launch.get("kernel").asString().startsWith(kernel) ? 1 : 0;
    }
    return count;
  }

  @Test
  void saysWhyThereIsNoGpu() {
    try (EmulatedGpu _ = EmulatedGpu.absent(temp)) {
      assertThat(run("profile", model)).isEqualTo(1);
    }
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("bench: the CUDA backend can't be used: no NVIDIA driver");
  }

  @ParameterizedTest
  @CsvSource({"--runs=0, --runs must be", "--image-size=12, is written width x height in pixels"})
  void refusesWhatIsNoSetting(String option, String message) {
    assertThat(run("profile", model, option)).isEqualTo(2);
    assertThat(err.toString().lines()).singleElement().asString().contains(message);
  }
}
