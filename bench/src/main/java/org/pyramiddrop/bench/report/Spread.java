package org.pyramiddrop.bench.report;

import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * What repeated measurements came to.
 *
 * @param median the middle one, or the mean of the middle two
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

  /** Sums up what was measured of each. */
  public static <T> Spread of(Collection<T> measured, ToDoubleFunction<T> value) {
    return of(measured.stream().mapToDouble(value).boxed().toList());
  }

  /** Sums up the ratios of two lists' values, those of one place together. */
  public static Spread ofRatios(List<Double> dividends, List<Double> divisors) {
    return of(
        IntStream.range(0, dividends.size())
            .mapToObj(i -> dividends.get(i) / divisors.get(i))
            .toList());
  }
}
