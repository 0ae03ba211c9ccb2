package org.pyramiddrop.kernels.cpu;

import java.util.Comparator;
import java.util.stream.IntStream;

/** The choice of the next token, see {@link org.pyramiddrop.kernels.Kernels#sample}. */
final class Sampling {
  private Sampling() {}

  static int next(
      float[] logits, int first, int count, float temperature, float topP, float uniform) {
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
    for (int i = 0; i < count; i++) {
      weights[i] = Math.exp(((double) logits[first + i] - logits[first + highest]) / temperature);
      total += weights[i];
    }
    boolean[] likely = new boolean[count];
    double kept = keepLikeliest(weights, topP * total, likely);
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

  /** Marks the fewest of the largest weights that reach {@code wanted}, and returns their sum. */
  private static double keepLikeliest(double[] weights, double wanted, boolean[] likely) {
    int[] order =
        IntStream.range(0, weights.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -weights[i]))
            .mapToInt(Integer::intValue)
            .toArray();
    double reached = 0;
    for (int i = 0; i < order.length && (i == 0 || reached < wanted); i++) {
      reached += weights[order[i]];
      likely[order[i]] = true;
    }
    return reached;
  }
}
