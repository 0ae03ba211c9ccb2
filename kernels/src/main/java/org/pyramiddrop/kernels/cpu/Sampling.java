package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * The choice of the next token, see {@link org.pyramiddrop.kernels.Kernels#sample}.
 *
 * @param topK 0 for all tokens
 */
record Sampling(float temperature, float topP, float uniform, float topK, float penalty) {
  /** Reads the five controls from their first on. */
  static Sampling of(float[] controls, int first) {
    return new Sampling(
        controls[first],
        controls[first + 1],
        controls[first + 2],
        controls[first + 3],
        controls[first + 4]);
  }

  /** The token's id, or -1 if a logit is NaN. */
  int next(float[] data, int first, CpuIndices seen) {
    int count = seen.size();
    if (penalty == 1) {
      return next(data, first, count);
    }
    float[] penalised = Arrays.copyOfRange(data, first, first + count);
    for (int i = 0; i < count; i++) {
      if (seen.get(i) != 0) {
        penalised[i] = penalised[i] < 0 ? penalised[i] * penalty : penalised[i] / penalty;
      }
    }
    return next(penalised, 0, count);
  }

  private int next(float[] logits, int first, int count) {
    int highest = 0;
    for (int i = 0; i < count; i++) {
      if (Float.isNaN(logits[first + i])) {
        return -1;
      }
      if (logits[first + i] > logits[first + highest]) {
        highest = i;
      }
    }
    if (temperature == 0) {
      return highest;
    }
    double[] weights = new double[count];
    double total = 0;
    int[] order = descending(logits, first, count);
    int stay = topK >= 1 && topK < count ? (int) topK : count;
    boolean[] among = new boolean[count];
    for (int i = 0; i < stay; i++) {
      among[order[i]] = true;
    }
    float top = logits[first + highest];
    for (int i = 0; i < count; i++) {
      // The highest has to be 1 also where the difference would be ∞ - ∞.
      float logit = logits[first + i];
      weights[i] = logit == top ? 1 : Math.exp(((double) logit - top) / temperature);
      total += among[i] ? weights[i] : 0;
    }
    boolean[] likely = new boolean[count];
    double kept = keepLikeliest(weights, order, stay, topP * total, likely);
    double running = 0;
    int last = highest;
    for (int i = 0; i < count; i++) {
      if (likely[i]) {
        running += weights[i];
        last = i;
        if (running > uniform * kept) {
          break;
        }
      }
    }
    return last;
  }

  /** Ids, the highest logit's first; the lower id first among equals, as both zeros are. */
  private static int[] descending(float[] logits, int first, int count) {
    return IntStream.range(0, count)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> 0.0 - logits[first + i]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /**
   * Marks the fewest of the first {@code stay} that reach {@code wanted}, and returns their sum.
   */
  private static double keepLikeliest(
      double[] weights, int[] order, int stay, double wanted, boolean[] likely) {
    double reached = 0;
    for (int i = 0; i < stay && (i == 0 || reached < wanted); i++) {
      reached += weights[order[i]];
      likely[order[i]] = true;
    }
    return reached;
  }
}
