package org.pyramiddrop.bench.speed.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.VisionConfig;
import tools.jackson.databind.json.JsonMapper;

class LayerComparisonTest {
  @TempDir private Path temp;

  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16"})
  void comparesHiddenStatesOfTheSameInput(DType dtype) throws IOException {
    Path model = temp.resolve("tiny");
    CheckpointShape shape =
        new CheckpointShape(
            2, 64, 96, 4, 4, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
    RandomCheckpoint.write(model, shape.config(), DType.BFLOAT16, 1);
    Comparison comparison = Comparisons.layer(model, 9, dtype);
    try (Comparison.OwnSide ours = comparison.preparation().prepare(temp, "cpu", 2)) {
      assertThat(ours.run().get()).hasSize(1).allMatch(millis -> millis > 0);
      // What goes in is not what comes out.
      float[] input = RawNumbers.read(temp.resolve("hidden.raw"));
      assertThat(input).hasSize(9 * 64);
      assertThat(ours.check().apply(JsonMapper.shared().createObjectNode(), input))
          .matches(v -> !v.agrees());
    }
    try (PeerProcess torch = StandIn.computing(temp, new float[9 * 64], 1, "{}")) {
      Result result = Result.of(comparison, temp, "cpu", List.of(torch), 2, Rounds.of(0, 1));
      assertThat(result.peer("PyTorch").orElseThrow().times()).isEmpty();
      assertThat(result.disagrees()).isTrue();
    }
  }
}
