package org.pyramiddrop.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;

/**
 * What an operation should give, in double: each element with the size of what was summed for it,
 * which rounding errors grow with.
 */
final class Expected {
  /** The norm of fewer elements may vanish by chance, and errors do not vanish with it. */
  private static final int MANY = 64;

  private final int columns;
  private final double[] values;
  private final double[] scales;

  /** Sums of magnitudes that factors rounded beforehand were part of. */
  private final double[] weighed;

  private double condition = 1;
  private double rounding;

  /** Squared norm of what a factor of many elements was left of; 0 where elements share none. */
  private double cancelled;

  Expected(int rows, int columns) {
    this.columns = columns;
    values = new double[rows * columns];
    scales = new double[rows * columns];
    weighed = new double[rows * columns];
  }

  static Expected exactly(float[] values, int columns) {
    Expected expected = new Expected(values.length / columns, columns);
    for (int i = 0; i < values.length; i++) {
      expected.set(i, values[i], 0);
    }
    return expected;
  }

  void set(int i, double value, double scale) {
    values[i] = value;
    scales[i] = scale;
  }

  /** Says that rounding errors of the inputs' products come out this many times larger. */
  void amplified(double times) {
    condition = Math.max(condition, times);
  }

  /**
   * Says how large the squared norm would be if nothing had cancelled in factors that many elements
   * share: such a factor may vanish by chance, all elements with it, and its errors do not.
   */
  void cancelled(double squaredNorm) {
    cancelled = squaredNorm;
  }

  /** Says how large the products together are whose one factor may have been rounded. */
  void weighed(int i, double magnitude) {
    weighed[i] = magnitude;
  }

  /** Allows these factors to be off by so much of themselves. */
  Expected rounded(double relative) {
    rounding = relative;
    return this;
  }

  double value(int i) {
    return values[i];
  }

  /** These rows at other places, among rows that nothing was written to. */
  Expected atRows(int[] places, int rows) {
    Expected moved = new Expected(rows, columns);
    Arrays.fill(moved.values, Double.NaN);
    for (int i = 0; i < values.length; i++) {
      int at = places[i / columns] * columns + i % columns;
      moved.set(at, values[i], scales[i]);
      moved.weighed(at, weighed[i]);
    }
    moved.condition = condition;
    moved.cancelled = cancelled;
    moved.rounding = rounding;
    return moved;
  }

  /**
   * Holds every element to {@code tolerance} of its scale, and many together to {@code tolerance}
   * of their norm; beyond what storing them rounds off. An element that should not be finite must
   * be just that.
   */
  void check(String what, DType stored, float[] actual, double tolerance) {
    assertThat(actual).as(what).hasSameSizeAs(values);
    double errors = 0;
    double norm = 0;
    for (int i = 0; i < values.length; i++) {
      double nearest = nearest(stored, values[i]);
      double error =
          Math.max(0, Math.abs(actual[i] - values[i]) - Stored.halfStep(stored, values[i]));
      boolean same = Double.compare(actual[i], nearest) == 0;
      double allowed = tolerance * scales[i] + rounding * weighed[i];
      if (!same && !(error <= allowed + 1e-37)) {
        throw new AssertionError(
            "%s: element (%d, %d) is %s, not %s ± %.2g"
                .formatted(what, i / columns, i % columns, actual[i], values[i], allowed));
      }
      if (Double.isFinite(nearest)) {
        errors += error * error;
        norm += values[i] * values[i];
      }
    }
    if (values.length >= MANY) {
      assertThat(Math.sqrt(errors))
          .as("%s: norm of the errors", what)
          .isLessThanOrEqualTo(
              (tolerance * condition + rounding) * Math.sqrt(Math.max(norm, cancelled)) + 1e-36);
    }
  }

  /** The value itself, or the infinity that a narrow type makes of it. */
  private static double nearest(DType stored, double value) {
    return stored == DType.FLOAT32 || Float.isFinite(Stored.round(stored, (float) value))
        ? value
        : Stored.round(stored, (float) value);
  }
}
