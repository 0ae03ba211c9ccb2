package org.pyramiddrop.bench;

import java.util.Arrays;
import java.util.List;

/**
 * What repeated measurements came to.
 *
 * @param median the middle one, or the mean of the middle two
 * @param low the lowest
 * @param high the highest
 * @param count how many there were
 */
public record Spread(double median, double low, double high, int count) {

  /** Sums up at least one measurement; refuses what is not a number. */
  public static Spread of(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    if (sorted.length == 0 || Arrays.stream(sorted).anyMatch(v -> !Double.isFinite(v))) {
      throw new IllegalArgumentException("no median of " + values);
    }
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new Spread(median, sorted[0], sorted[sorted.length - 1], sorted.length);
  }
}
