package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import java.util.stream.LongStream;

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
    double[] weights = weights(logits, first, count, logits[first + highest]);
    boolean all = topP >= 1 && !(topK >= 1 && topK < count);
    double kept = all ? sum(weights) : keepLikeliest(weights, descending(logits, first, count));
    double running = 0;
    int last = highest;
    for (int i = 0; i < count; i++) {
      if (weights[i] > 0) {
        running += weights[i];
        last = i;
        if (running > uniform * kept) {
          break;
        }
      }
    }
    return last;
  }

  /** Probabilities as multiples of the highest logit's. */
  private double[] weights(float[] logits, int first, int count, float top) {
    double[] weights = new double[count];
    for (int i = 0; i < count; i++) {
      // The highest has to be 1 also where the difference would be ∞ - ∞.
      float logit = logits[first + i];
      weights[i] = logit == top ? 1 : Math.exp(((double) logit - top) / temperature);
    }
    return weights;
  }

  private static double sum(double[] weights) {
    double sum = 0;
    for (double weight : weights) {
      sum += weight;
    }
    return sum;
  }

  /**
   * Ids, the highest logit's first; the lower id first among equals, as both zeros are. A logit and
   * its id are sorted as one number, since objects for a whole vocabulary take longer than the
   * decoder's step.
   */
  private static int[] descending(float[] logits, int first, int count) {
    long[] sorted = new long[count];
    for (int i = 0; i < count; i++) {
      // A sum with zero has no sign of its own. A negative number's bits order it the wrong way.
      int bits = Float.floatToIntBits(logits[first + i] + 0f);
      int ascending = bits < 0 ? bits ^ Integer.MAX_VALUE : bits;
      sorted[i] = (long) ~ascending << Integer.SIZE | i;
    }
    Arrays.sort(sorted);
    return LongStream.of(sorted).mapToInt(both -> (int) both).toArray();
  }

  /**
   * Keeps the fewest of the {@code topK} likeliest that reach {@code topP} of these, makes the
   * other weights 0, and returns the sum of what is left.
   */
  private double keepLikeliest(double[] weights, int[] order) {
    int stay = topK >= 1 && topK < order.length ? (int) topK : order.length;
    double total = 0;
    for (int i = 0; i < stay; i++) {
      total += weights[order[i]];
    }
    double reached = 0;
    int likely = 0;
    while (likely < stay && (likely == 0 || reached < topP * total)) {
      reached += weights[order[likely]];
      likely++;
    }
    for (int i = likely; i < order.length; i++) {
      weights[order[i]] = 0;
    }
    return reached;
  }
}
