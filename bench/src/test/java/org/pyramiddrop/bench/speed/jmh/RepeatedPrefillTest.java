package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedPrefill;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class RepeatedPrefillTest {
  private static final CheckpointShape TINY =
      new CheckpointShape(
          3, 64, 96, 4, 2, 512, new VisionConfig(32, 48, 2, 2, 56, 14, 3, 1e-5f, "quick_gelu"));
  private static final PromptShape PROMPT = PromptShape.of(4, 16, 1, 5);

  @TempDir private static Path folder;
  private static ModelOnDevice model;

  @BeforeAll
  static void open() {
    Path checkpoint = folder.resolve("tiny");
    RandomCheckpoint.write(checkpoint, TINY.config(), DType.FLOAT32, 1);
    model = ModelOnDevice.open(checkpoint, Optional.empty(), ModelOnDevice.device("cpu", 2));
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @Test
  void oneLayerAloneIsTheReferencesLayer() {
    float[] before;
    float[] after;
    try (RepeatedPrefill prefill = new RepeatedPrefill(model, PROMPT, PruningPlan.none(), 1, 1)) {
      before = prefill.input();
      assertThat(prefill.millis()).isPositive();
      after = prefill.output();
    }
    double[] expected =
        new DecoderReference(folder.resolve("tiny"), TINY)
            .prefill(before, 4, 16, PruningPlan.none(), 1);
    assertThat(after).hasSize(25 * 64);
    for (int i = 0; i < expected.length; i++) {
      assertThat((double) after[i]).as("element %d", i).isCloseTo(expected[i], within(1e-4));
    }
  }

  @Test
  void aLayerThatEndsAStageKeepsHalfOfTheImage() {
    float[] whole = output(PruningPlan.none(), 1);
    float[] halved = output(ModelWork.HALVE, 1);
    List<List<Float>> rows = rows(whole);
    List<List<Float>> kept = rows(halved);
    assertThat(kept).hasSize(17);
    // Kept tokens come out as the whole layer has them, but for the order of sums; text stays where
    // it was.
    int at = 0;
    for (List<Float> row : kept) {
      while (at < rows.size() && !close(rows.get(at), row)) {
        at++;
      }
      assertThat(at).isLessThan(rows.size());
    }
    assertThat(close(kept.get(3), rows.get(3))).isTrue();
    assertThat(close(kept.get(12), rows.get(20))).isTrue();
  }

  @Test
  void aWholePrefillIsItsLayersOneAfterTheOther() {
    float[] logits = output(PruningPlan.none(), 3);
    assertThat(logits).hasSize(512);
    assertFinite(logits);
  }

  private static float[] output(PruningPlan plan, int layers) {
    try (RepeatedPrefill prefill = new RepeatedPrefill(model, PROMPT, plan, layers, 1)) {
      prefill.run();
      return prefill.output();
    }
  }

  private static List<List<Float>> rows(float[] values) {
    return IntStream.range(0, values.length / 64)
        .mapToObj(r -> IntStream.range(r * 64, r * 64 + 64).mapToObj(i -> values[i]).toList())
        .toList();
  }

  private static boolean close(List<Float> a, List<Float> b) {
    return IntStream.range(0, a.size()).allMatch(i -> Math.abs(a.get(i) - b.get(i)) < 1e-4);
  }

  private static void assertFinite(float[] values) {
    assertThat(IntStream.range(0, values.length).allMatch(i -> Float.isFinite(values[i])))
        .as("all finite in %s", Arrays.toString(values))
        .isTrue();
  }
}
