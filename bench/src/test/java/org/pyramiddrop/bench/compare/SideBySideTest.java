package org.pyramiddrop.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.VisionConfig;

class SideBySideTest {
  // Stands in for torch_side.py: its n-th time is n milliseconds.
  private static final String OTHER_SIDE =
      """
      echo '{"torch": "1", "transformers": "2", "threads": 3}'
      n=0
      while read -r line; do
        case "$line" in
          *time*) n=$((n + 1)); echo "{\\"millis\\": $n}" ;;
          *linear*) echo '{"ready": true}' ;;
          *) echo '{"error": "no such operation"}' ;;
        esac
      done
      """;

  @TempDir private Path temp;

  @Test
  void timesBothSidesAsOftenAndThrowsTheFirstOnesAway() throws IOException {
    Contest contest = new Contest.Linear(new Product(2, 9, 7), 2, DType.BFLOAT16);
    try (TorchSide torch = TorchSide.start("sh", script(OTHER_SIDE), 3)) {
      assertThat(torch.versions()).isEqualTo("torch 1, transformers 2");
      assertThat(torch.threads()).isEqualTo(3);
      SideBySide.Score score = SideBySide.run(contest, torch, 1, 3, 0);
      assertThat(score.theirs()).isEqualTo(new Spread(5, 4, 6, 3));
      assertThat(score.ours().count()).isEqualTo(3);
      assertThat(score.ours().low()).isPositive();
      assertThat(score.ratio()).isEqualTo(5 / score.ours().median());
    }
  }

  @Test
  void asksBothSidesForTheSameShapes() {
    Contest linear = new Contest.Linear(new Product(636, 4096, 11008), 8, DType.BFLOAT16);
    assertThat(linear.request().toString())
        .isEqualTo(
            "{'op':'linear','dtype':'bfloat16','tokens':636,'inputs':4096,'outputs':11008,'weights':8}"
                .replace('\'', '"'));
    Contest layer = new Contest.Layer(temp, 636, 4096, 11008, 32, DType.FLOAT32);
    assertThat(layer.request().toString())
        .isEqualTo(
            "{'op':'layer','dtype':'float32','tokens':636,'hidden':4096,'intermediate':11008,'heads':32}"
                .replace('\'', '"'));
  }

  @Test
  void runsALayerInTheDtypeItIsAskedFor() {
    Path folder = temp.resolve("tiny");
    CheckpointShape shape =
        new CheckpointShape(
            2, 64, 96, 4, 4, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
    RandomCheckpoint.write(folder, shape.config(), DType.BFLOAT16, 1);
    for (DType dtype : new DType[] {DType.BFLOAT16, DType.FLOAT32}) {
      try (Contest.Side side = new Contest.Layer(folder, 9, 64, 96, 4, dtype).prepare(2)) {
        assertThat(side.millis()).isPositive();
      }
    }
  }

  @Test
  void passesOnWhatTheOtherSideComplainsAbout() throws IOException {
    Contest layer = new Contest.Layer(temp, 9, 64, 96, 4, DType.BFLOAT16);
    try (TorchSide torch = TorchSide.start("sh", script(OTHER_SIDE), 3)) {
      assertThatThrownBy(() -> torch.prepare(layer.request()))
          .isInstanceOf(TorchSide.Failure.class)
          .hasMessage("no such operation");
    }
  }

  @Test
  void namesTheInterpreterThatLacksPyTorch() throws IOException {
    Path script = script("echo '{\"error\": \"can\\u0027t import torch\"}'");
    assertThatThrownBy(() -> TorchSide.start("sh", script, 1))
        .isInstanceOf(TorchSide.Failure.class)
        .hasMessage("sh can't import torch; set PYTHON to one with torch and transformers");
  }

  private Path script(String content) throws IOException {
    return Files.writeString(temp.resolve("side.py"), content);
  }
}
