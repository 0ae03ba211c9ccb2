package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** {@link Kernels#sample}. */
interface SamplingContract extends ContractPart {
  /** Vocabularies around a warp, a block and a real model. */
  List<Integer> SIZES = List.of(1, 2, 31, 33, 1000, 1025, 32_064);

  private int sampled(float[] logits, double temperature, double topP, double uniform) {
    return sampled(logits, new int[logits.length], new How(temperature, topP, uniform, 0, 1));
  }

  /** The token; what was seen has to be as before, and that token. */
  private int sampled(float[] logits, int[] seen, How how) {
    Indices out = device().indices(7, 12345, 7);
    int[] around = new int[seen.length + 2];
    System.arraycopy(seen, 0, around, 1, seen.length);
    Indices before = device().indices(around);
    kernels()
        .sample(
            device().input(DType.FLOAT32, logits, logits.length),
            before.part(1, seen.length),
            device().input(DType.FLOAT32, how.controls(), 5),
            out.part(1, 1));
    int[] written = kernels().download(out);
    assertThat(written[0]).isEqualTo(7);
    assertThat(written[2]).isEqualTo(7);
    if (written[1] >= 0) {
      around[1 + written[1]] = 1;
    }
    assertThat(kernels().download(before)).as("seen afterwards").isEqualTo(around);
    device().endCase();
    return written[1];
  }

  /** Marks a share of the tokens, by any number but 0. */
  private int[] seen(int size, double share) {
    int[] seen = new int[size];
    for (int i : random().below(size, (int) Math.ceil(size * share))) {
      seen[i] = random().oneOf(1, 2, -1, Integer.MIN_VALUE);
    }
    return seen;
  }

  @Test
  default void takesTheHighestLogitAtTemperatureZero() {
    for (int size : SIZES) {
      float[] logits = random().normal(size, 5);
      int highest = random().between(0, size - 1);
      logits[highest] = 100;
      assertThat(sampled(logits, 0, 1, 0.9)).isEqualTo(highest);
      int equal = random().between(0, size - 1);
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
      float[] logits = random().normal(size, 1);
      logits[random().between(0, size - 1)] = Float.NaN;
      assertThat(sampled(logits, 0, 1, 0)).isEqualTo(-1);
      assertThat(sampled(logits, 0.7, 0.9, 0.5)).isEqualTo(-1);
    }
  }

  @Test
  default void drawsFromTheLikeliestTokensThatReachTopP() {
    for (int round = 0; round < 60; round++) {
      int size = random().oneOf(SIZES);
      float[] logits = random().normal(size, random().oneOf(0.01, 1, 4, 30));
      double temperature = random().oneOf(0.3, 0.7, 1, 2);
      double topP = random().oneOf(1e-6, 0.1, 0.5, 0.9, 1);
      double uniform = random().between(0, 9999) / 10_000.0;
      int[] allowed = Draws.of(logits, temperature, topP, uniform);
      assertThat(allowed)
          .as("of %d at %s, top %s, uniform %s", size, temperature, topP, uniform)
          .contains(sampled(logits, temperature, topP, uniform));
    }
  }

  @Test
  default void drawsFromTheHighestLogitsOnly() {
    for (int round = 0; round < 60; round++) {
      int size = random().oneOf(SIZES);
      float[] logits = random().normal(size, random().oneOf(0.01, 1, 4, 30));
      How how =
          new How(
              random().oneOf(0.3, 0.7, 1, 2),
              random().oneOf(1e-6, 0.5, 0.9, 1),
              random().between(0, 9999) / 10_000.0,
              random().oneOf(0, 1, 2, 5, 40, 900, size - 1, size, size + 7),
              random().oneOf(0.5, 0.9, 1, 1.2, 3));
      int[] seen = seen(size, random().oneOf(0.01, 0.5, 1));
      assertThat(Draws.of(logits, seen, how))
          .as("of %d by %s", size, how)
          .contains(sampled(logits, seen, how));
    }
  }

  @Test
  default void keepsTheLowerIdsAmongEqualLogitsAtTheEnd() {
    float[] logits = {1, 3, 0f, 2, -0f, 2, 2, 0f};
    int[] none = new int[8];
    // 3, then the first two of three times 2; of both zeros the lower ids.
    double least = 1 / (Math.E + 2);
    for (double u : new double[] {0, least - 0.01}) {
      assertThat(sampled(logits, none, new How(1, 1, 1 - u - 1e-4, 3, 1))).isEqualTo(5);
    }
    assertThat(sampled(logits, none, new How(1, 1, 1 - least - 0.01, 3, 1))).isEqualTo(3);
    assertThat(sampled(logits, none, new How(1, 1, 0, 3, 1))).isEqualTo(1);
    assertThat(sampled(new float[] {0f, -0f, 0f}, new int[3], new How(1, 1, 0.99, 2, 1)))
        .isEqualTo(1);
    assertThat(sampled(new float[] {-0f, 0f, 0f}, new int[3], new How(1, 1, 0.99, 1, 1))).isZero();
  }

  @Test
  default void penalisesWhatWasSeenAtTemperatureZeroToo() {
    for (int size : SIZES) {
      float[] logits = random().normal(size, 5);
      int[] seen = seen(size, 0.3);
      for (double penalty : new double[] {0.4, 0.99, 1, 1.1, 7}) {
        float[] penalised = Draws.penalised(logits, seen, penalty);
        int highest = 0;
        for (int i = 0; i < size; i++) {
          highest = penalised[i] > penalised[highest] ? i : highest;
        }
        assertThat(sampled(logits, seen, new How(0, 1, 0.3, 0, penalty)))
            .as("of %d, penalty %s", size, penalty)
            .isEqualTo(highest);
      }
    }
    float[] two = {3, -2, 2.9f, -1};
    assertThat(sampled(two, new int[] {1, 0, 0, 0}, new How(0, 1, 0, 0, 1.1))).isEqualTo(2);
    float[] negative = {-3, -2, -2.9f};
    assertThat(sampled(negative, new int[] {0, 1, 0}, new How(0, 1, 0, 0, 2))).isEqualTo(2);
  }

  @Test
  default void goesFromTokenToTokenWhereRepetitionsArePenalised() {
    float[] logits = {1, 4, 3, 2};
    float[] controls = new How(0, 1, 0, 0, 5).controls();
    Indices seen = device().indices(new int[4]);
    Indices out = device().indices(0);
    for (int expected : new int[] {1, 2, 3, 0, 1}) {
      kernels()
          .sample(
              device().input(DType.FLOAT32, logits, 4),
              seen,
              device().input(DType.FLOAT32, controls, 5),
              out);
      assertThat(kernels().download(out)).containsExactly(expected);
    }
    assertThat(kernels().download(seen)).containsOnly(1);
  }

  @Test
  default void looksAtNothingSeenWithoutAPenalty() {
    for (int size : SIZES) {
      float[] logits = random().normal(size, 2);
      How how = new How(random().oneOf(0, 0.8), 0.9, 0.37, random().oneOf(0, 5), 1);
      assertThat(sampled(logits, seen(size, 1), how))
          .isEqualTo(sampled(logits, new int[size], how));
    }
  }

  @Test
  default void drawsAmongInfiniteLogits() {
    float inf = Float.POSITIVE_INFINITY;
    float[] logits = {-inf, 2, inf, 0, inf, -inf, inf};
    for (double penalty : new double[] {0.5, 1, 3}) {
      int[] seen = {1, 0, 1, 0, 0, 0, 1};
      assertThat(sampled(logits, seen, new How(1, 1, 0, 0, penalty))).isEqualTo(2);
      assertThat(sampled(logits, seen, new How(1, 1, 0.5, 0, penalty))).isEqualTo(4);
      assertThat(sampled(logits, seen, new How(1, 1, 0.99, 0, penalty))).isEqualTo(6);
      assertThat(sampled(logits, seen, new How(1, 1, 0.99, 2, penalty))).isEqualTo(4);
      assertThat(sampled(logits, seen, new How(0, 1, 0.99, 2, penalty))).isEqualTo(2);
    }
    float[] least = new float[5];
    Arrays.fill(least, -inf);
    assertThat(sampled(least, new int[5], new How(1, 1, 0.5, 0, 1))).isEqualTo(2);
    assertThat(sampled(least, new int[5], new How(1, 1, 0.99, 3, 1))).isEqualTo(2);
    least[3] = 1;
    assertThat(sampled(least, new int[5], new How(1, 1, 0.99, 4, 1))).isEqualTo(3);
    logits[5] = Float.NaN;
    assertThat(sampled(logits, new int[7], new How(1, 1, 0.5, 2, 2))).isEqualTo(-1);
  }

  @Test
  default void choosesTheSameAgain() {
    float[] logits = random().normal(32_064, 1);
    int[] seen = seen(32_064, 0.1);
    How how = new How(1.3, 0.95, 0.61, 2000, 1.2);
    int token = sampled(logits, seen, how);
    for (int i = 0; i < 3; i++) {
      assertThat(sampled(logits, seen, how)).isEqualTo(token);
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

  /** The controls. */
  record How(double temperature, double topP, double uniform, int topK, double penalty) {
    float[] controls() {
      return new float[] {
        (float) temperature, (float) topP, (float) uniform, topK, (float) penalty
      };
    }

    How with(double newTopP, double newUniform) {
      return new How(temperature, newTopP, newUniform, topK, penalty);
    }
  }

  /** The reference, in double; only penalties are applied in float32, as the operation says. */
  final class Draws {
    /** What float32 sums may be off by, as a share of all. */
    private static final double SLACK = 1e-5;

    private Draws() {}

    /** The token, and those that rounding may turn it into. */
    static int[] of(float[] logits, double temperature, double topP, double uniform) {
      How how = new How(temperature, topP, uniform, 0, 1);
      return of(logits, new int[logits.length], how);
    }

    /** The same with tokens that were seen. */
    static int[] of(float[] logits, int[] seen, How how) {
      float[] penalised = penalised(logits, seen, how.penalty());
      return IntStream.of(-1, 0, 1)
          .flatMap(p ->
              IntStream.of(-1, 0, 1)
                  .map(u ->
                      one(
                          penalised,
                          how.with(how.topP() + p * SLACK, how.uniform() + u * 2 * SLACK))))
          .distinct()
          .toArray();
    }

    static float[] penalised(float[] logits, int[] seen, double penalty) {
      float[] penalised = logits.clone();
      for (int i = 0; i < logits.length; i++) {
        if (seen[i] != 0) {
          penalised[i] = logits[i] < 0 ? logits[i] * (float) penalty : logits[i] / (float) penalty;
        }
      }
      return penalised;
    }

    private static int one(float[] logits, How how) {
      double uniform = how.uniform();
      double topP = how.topP();
      int[] all =
          IntStream.range(0, logits.length)
              .boxed()
              .sorted(Comparator.comparingDouble(i -> 0.0 - logits[i]))
              .mapToInt(Integer::intValue)
              .toArray();
      int[] order =
          how.topK() == 0 || how.topK() > all.length ? all : Arrays.copyOf(all, how.topK());
      double highest = logits[order[0]];
      double[] weights =
          IntStream.range(0, logits.length)
              .mapToDouble(i -> Math.exp((logits[i] - highest) / (float) how.temperature()))
              .toArray();
      double total = Arrays.stream(order).mapToDouble(i -> weights[i]).sum();
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
