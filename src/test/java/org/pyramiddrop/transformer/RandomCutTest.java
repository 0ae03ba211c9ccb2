package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.pyramiddrop.transformer.Fixture.assertClose;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.transformer.engine.ImageCuts;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Sampler;
import org.pyramiddrop.transformer.engine.SequenceRunner;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.Choice;
import org.pyramiddrop.transformer.pruning.Depth;
import org.pyramiddrop.transformer.pruning.Place;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;

/** Cuts by chance at any place: the rows that are drawn, and what comes of them. */
final class RandomCutTest {
  private static final String PROMPT = "twoImages";
  private static final Choice.Random DRAW = new Choice.Random(11);

  static List<String> checkpoints() {
    return Fixture.names();
  }

  private static List<Integer> numbers(int[] values) {
    return Arrays.stream(values).boxed().toList();
  }

  /** Some rows of a matrix. */
  private static float[] rows(float[] x, int columns, List<Integer> rows) {
    float[] out = new float[rows.size() * columns];
    for (int i = 0; i < rows.size(); i++) {
      System.arraycopy(x, rows.get(i) * columns, out, i * columns, columns);
    }
    return out;
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void theTowerKeepsDrawnPatchesOfEachCropInThePicturesOrder(String name) {
    PruningPlan plan = PruningPlan.random(5, DRAW.seed(), new Place.Tower());
    try (FixtureParts parts = new FixtureParts(name, false);
        SequenceRunner runner = parts.runner(PROMPT, plan, 0)) {
      for (int picture = 0; picture < 2; picture++) {
        String image = parts.pictures(PROMPT).get(picture);
        ImageLayout layout = parts.layout(image);
        List<Integer> whole = drawn(layout, picture, 0);
        int at = picture;
        List<Integer> tiles =
            IntStream.range(1, layout.crops())
                .boxed()
                .flatMap(crop -> drawn(layout, at, crop).stream())
                .sorted()
                .toList();
        List<Integer> kept =
            IntStream.concat(
                    whole.stream().mapToInt(Integer::intValue),
                    tiles.stream().mapToInt(Integer::intValue))
                .boxed()
                .toList();
        ImageCuts.Made made = runner.imageCuts().get(picture).made().getFirst();
        assertThat(made.kept()).isEqualTo(kept);
        assertThat(made.merged()).isEmpty();
        try (Tensor uncut = parts.embeddings(image)) {
          // Of each row alone, so that only the number of rows that a product has differs.
          assertClose(
              "embeddings of " + image,
              parts.kernels.download(runner.imageEmbeddings().get(picture)),
              rows(parts.kernels.download(uncut), uncut.columns(), kept),
              1e-5);
        }
      }
    }
  }

  private static List<Integer> drawn(ImageLayout layout, int picture, int crop) {
    int[] tokens = layout.patchTokens(crop);
    int[] rows = DRAW.rows(picture, crop, tokens.length, Math.min(5, tokens.length));
    return Arrays.stream(rows).map(row -> tokens[row]).boxed().toList();
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void whatIsDrawnAfterTheProjectorEntersTheDecoder(String name) {
    PruningPlan plan = PruningPlan.random(6, DRAW.seed());
    try (FixtureParts parts = new FixtureParts(name, false);
        SequenceRunner runner = parts.runner(PROMPT, plan, 0);
        SequenceRunner plain = parts.runner(PROMPT, plan, 0)) {
      Prompt prompt = parts.prompt(PROMPT, plan);
      runner.prefill(prompt, new Sampler(Sampling.greedy()));
      for (int picture = 0; picture < 2; picture++) {
        int tokens = prompt.imageShapes().get(picture).tokens();
        ImageCuts cuts = runner.imageCuts().get(picture);
        List<Integer> kept = numbers(DRAW.rows(picture, 0, tokens, 6));
        assertThat(cuts.made().getFirst().kept()).isEqualTo(kept);
        Tensor embedded = plain.imageEmbeddings().get(picture);
        try (Tensor entering = cuts.projectRest(embedded, null)) {
          // A cut that holds for every question is made before the rest.
          assertThat(parts.kernels.download(entering)).isEqualTo(parts.kernels.download(embedded));
        }
        try (Tensor entering = cuts.projectHeld(embedded)) {
          assertThat(parts.kernels.download(entering))
              .isEqualTo(rows(parts.kernels.download(embedded), embedded.columns(), kept));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("checkpoints")
  void theDecoderKeepsDrawnRowsWhateverWouldRank(String name) {
    PruningPlan drawn = PruningPlan.random(4, DRAW.seed(), new Place.Decoder(new Depth.AtLayer(2)));
    float[][] logits = new float[3][];
    for (int order = 0; order < 3; order++) {
      PruningPlan plan = order == 2 ? drawn.withRanking(Ranking.NEXT_STAGE) : drawn;
      try (FixtureParts parts = new FixtureParts(name, order == 1);
          FixtureParts.Run run = parts.run(PROMPT, plan, 0)) {
        logits[order] = run.prefill(done -> {});
        List<List<Integer>> kept = run.stages().get(1).kept();
        for (int picture = 0; picture < 2; picture++) {
          int tokens = parts.prompt(PROMPT).images().get(picture).count();
          assertThat(kept.get(picture)).isEqualTo(numbers(DRAW.rows(picture, 0, tokens, 4)));
        }
      }
    }
    // Kept rows only or all of them, and whichever layer would have ranked: it is the same drop.
    assertClose("in the plain order", logits[1], logits[0], 2e-5);
    assertClose("ranked by the next stage", logits[2], logits[0], 2e-5);
  }
}
