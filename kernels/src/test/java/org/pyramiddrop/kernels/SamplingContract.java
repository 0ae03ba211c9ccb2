package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** {@link Kernels#sample}. */
interface SamplingContract extends Subject {
  /** Vocabularies around a warp, a block and a real model. */
  List<Integer> SIZES = List.of(1, 2, 31, 33, 1000, 1025, 32_064);

  private int sampled(float[] logits, double temperature, double topP, double uniform) {
    float[] controls = {(float) temperature, (float) topP, (float) uniform};
    Indices out = device().indices(7, 12345, 7);
    kernels()
        .sample(
            device().input(DType.FLOAT32, logits, logits.length),
            device().input(DType.FLOAT32, controls, 3),
            out.part(1, 1));
    int[] written = kernels().download(out);
    assertThat(written[0]).isEqualTo(7);
    assertThat(written[2]).isEqualTo(7);
    device().endCase();
    return written[1];
  }

  @Test
  default void takesTheHighestLogitAtTemperatureZero() {
    for (int size : SIZES) {
      float[] logits = draw().normal(size, 5);
      int highest = draw().between(0, size - 1);
      logits[highest] = 100;
      assertThat(sampled(logits, 0, 1, 0.9)).isEqualTo(highest);
      int equal = draw().between(0, size - 1);
      logits[equal] = 100;
      assertThat(sampled(logits, 0, 0.5, 0)).isEqualTo(Math.min(highest, equal));
      Arrays.fill(logits, Float.NEGATIVE_INFINITY);
      logits[equal] = -1e30f;
      assertThat(sampled(logits, 0, 1, 0)).isEqualTo(equal);
    }
  }

  @Test
  default void tellsOfLogitsThatAreNotNumbers() {
    for (int size : SIZES) {
      float[] logits = draw().normal(size, 1);
      logits[draw().between(0, size - 1)] = Float.NaN;
      assertThat(sampled(logits, 0, 1, 0)).isEqualTo(-1);
      assertThat(sampled(logits, 0.7, 0.9, 0.5)).isEqualTo(-1);
    }
  }

  @Test
  default void drawsFromTheLikeliestTokensThatReachTopP() {
    for (int round = 0; round < 60; round++) {
      int size = draw().oneOf(SIZES);
      float[] logits = draw().normal(size, draw().oneOf(0.01, 1, 4, 30));
      double temperature = draw().oneOf(0.3, 0.7, 1, 2);
      double topP = draw().oneOf(1e-6, 0.1, 0.5, 0.9, 1);
      double uniform = draw().between(0, 9999) / 10_000.0;
      int[] allowed = Draws.of(logits, temperature, topP, uniform);
      assertThat(allowed)
          .as("of %d at %s, top %s, uniform %s", size, temperature, topP, uniform)
          .contains(sampled(logits, temperature, topP, uniform));
    }
  }

  @Test
  default void prefersTheLowerIdAmongEquallyLikelyTokens() {
    float[] logits = {1, 3, 3, 3, 1, 3};
    // Two of the four that share the highest logit reach 0.3 of all.
    assertThat(sampled(logits, 1, 0.3, 0)).isEqualTo(1);
    assertThat(sampled(logits, 1, 0.3, 0.49)).isEqualTo(1);
    assertThat(sampled(logits, 1, 0.3, 0.51)).isEqualTo(2);
    assertThat(sampled(logits, 1, 0.3, 0.999)).isEqualTo(2);
  }

  /** The reference, in double. */
  final class Draws {
    /** What float32 sums may be off by, as a share of all. */
    private static final double SLACK = 1e-5;

    private Draws() {}

    /** The token, and those that rounding may turn it into. */
    static int[] of(float[] logits, double temperature, double topP, double uniform) {
      return IntStream.of(-1, 0, 1)
          .flatMap(p ->
              IntStream.of(-1, 0, 1)
                  .map(u -> one(logits, temperature, topP + p * SLACK, uniform + u * 2 * SLACK)))
          .distinct()
          .toArray();
    }

    private static int one(float[] logits, double temperature, double topP, double uniform) {
      double highest =
          IntStream.range(0, logits.length).mapToDouble(i -> logits[i]).max().orElse(0);
      double[] weights =
          IntStream.range(0, logits.length)
              .mapToDouble(i -> Math.exp((logits[i] - highest) / (float) temperature))
              .toArray();
      double total = Arrays.stream(weights).sum();
      int[] order =
          IntStream.range(0, weights.length)
              .boxed()
              .sorted(Comparator.comparingDouble(i -> -weights[i]))
              .mapToInt(Integer::intValue)
              .toArray();
      double kept = 0;
      int count = 0;
      while (count < order.length && (count == 0 || kept < topP * total)) {
        kept += weights[order[count++]];
      }
      int[] set = Arrays.stream(order).limit(count).sorted().toArray();
      double running = 0;
      for (int i : set) {
        running += weights[i];
        if (running > uniform * kept) {
          return i;
        }
      }
      return set[set.length - 1];
    }
  }
}
