package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;

/** {@link Kernels#scoreTokens} and {@link Kernels#selectTopK}. */
interface RankingContract extends ContractPart {
  @Test
  default void scoresTokensAsAttentionWeighsThem() {
    for (int size : AttentionContract.SIZES) {
      for (AttentionContract.Group group : AttentionContract.GROUPS) {
        Heads heads = group.of(size);
        int count = random().oneOf(AttentionContract.LENGTHS);
        int columns = heads.queryColumns() + random().between(0, 9);
        float[] query = random().normal(columns, random().oneOf(0.1, 1, 6, 60));
        Arrays.fill(query, heads.queryColumns(), columns, Float.NaN);
        float[] keys = random().normal(count * heads.keyValueColumns(), 1);
        Output out = device().output(DType.FLOAT32, 1, count);
        kernels()
            .scoreTokens(
                device().input(query, columns),
                heads,
                device().input(keys, heads.keyValueColumns()),
                out.view());
        String what = "scores of %d keys, %s".formatted(count, heads);
        Expected expected = Reference.scoreTokens(query, columns, heads, keys);
        device().check(what, out, expected);
        double sum = 0;
        for (float score : out.read()) {
          sum += score;
        }
        assertThat(sum).as(what).isCloseTo(1, Offset.offset(device().tolerance()));
        device().endCase();
      }
    }
  }

  @Test
  default void selectsTheHighestInTheirOrder() {
    for (int round = 0; round < 200; round++) {
      int tokens = random().between(1, random().flip() ? 10 : 700);
      float[] scores = random().normal(tokens, 1e-3);
      if (random().flip()) {
        spread(scores);
      }
      selects(scores);
    }
  }

  @Test
  default void selectsAmongTheTokensOfManyTiles() {
    for (int tokens : new int[] {576, 1024, 1025, 2880, 5184, 6144, 6145, 8000}) {
      float[] scores = random().normal(tokens, 1e-3);
      // So few different values that most ties are cut.
      for (int i = 0; i < tokens / 2; i++) {
        scores[random().between(0, tokens - 1)] = random().between(0, 3) * 1e-3f;
      }
      selects(scores);
      int keep = random().between(1, tokens - 1);
      assertThat(selected(scores, keep))
          .as("%d of all %d", keep, tokens)
          .isEqualTo(Reference.topK(scores, 0, tokens, keep));
      device().endCase();
    }
  }

  /** Ties, zeros of both signs, infinities and NaN. */
  private void spread(float[] scores) {
    for (int i = 0; i < scores.length; i++) {
      double special =
          random()
              .oneOf(
                  0,
                  -0.0,
                  1,
                  1.5,
                  -1,
                  -1.5,
                  Double.NaN,
                  Double.POSITIVE_INFINITY,
                  Double.NEGATIVE_INFINITY);
      scores[i] = (float) special;
    }
  }

  private void selects(float[] scores) {
    int first = random().between(0, scores.length - 1);
    int count = random().between(0, scores.length - first);
    int keep = random().oneOf(0, count, random().between(0, count));
    int at = random().between(0, 3);
    int[] before = random().below(1 << 30, at + keep + random().between(0, 3));
    Indices out = device().indices(before);
    kernels().selectTopK(scores(scores), first, count, keep, out, at);
    int[] expected = before.clone();
    System.arraycopy(Reference.topK(scores, first, count, keep), 0, expected, at, keep);
    assertThat(kernels().download(out))
        .as("%d of %d from %d", keep, count, first)
        .isEqualTo(expected);
    device().endCase();
  }

  @Test
  default void prefersTheLowerPlaceAmongEquals() {
    float[] scores = {0, 2, Float.NaN, -0f, 2, 0, Float.NEGATIVE_INFINITY, 2, Float.NaN};
    assertThat(selected(scores, 2)).containsExactly(1, 4);
    assertThat(selected(scores, 4)).containsExactly(0, 1, 4, 7);
    assertThat(selected(scores, 5)).containsExactly(0, 1, 3, 4, 7);
    assertThat(selected(scores, 7)).containsExactly(0, 1, 3, 4, 5, 6, 7);
    assertThat(selected(scores, 8)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
  }

  private Tensor scores(float[] scores) {
    return device().input(DType.FLOAT32, scores, scores.length);
  }

  private int[] selected(float[] scores, int keep) {
    Indices out = device().indices(new int[keep]);
    kernels().selectTopK(scores(scores), 0, scores.length, keep, out, 0);
    return kernels().download(out);
  }
}
