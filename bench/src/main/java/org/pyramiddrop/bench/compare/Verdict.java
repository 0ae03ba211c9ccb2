package org.pyramiddrop.bench.compare;

/** What came of holding a side's output against a reference. */
public sealed interface Verdict {
  /** What is wrong or how near it is, in words. */
  String said();

  /** The output is right. */
  record Agrees(String said) implements Verdict {}

  /** It is not, so its time means nothing. */
  record Differs(String said) implements Verdict {}

  /**
   * Compares element by element with what another implementation computed.
   *
   * @param bound how far an element may be off, as a share of the standard deviation of all that
   *     are expected
   */
  static Verdict near(float[] expected, float[] got, double bound) {
    if (got.length != expected.length) {
      return new Differs("%d numbers instead of %d".formatted(got.length, expected.length));
    }
    double deviation = deviation(expected);
    double worst = 0;
    for (int i = 0; i < got.length; i++) {
      double off = Math.abs((double) got[i] - expected[i]) / deviation;
      if (!(off <= bound)) {
        return new Differs(
            "element %d is %g instead of %g, off by %.2g of the deviation where %.2g is allowed"
                .formatted(i, got[i], expected[i], off, bound));
      }
      worst = Math.max(worst, off);
    }
    return new Agrees("off by at most %.2g of the deviation".formatted(worst));
  }

  private static double deviation(float[] values) {
    double mean = 0;
    for (float value : values) {
      mean += value;
    }
    mean /= values.length;
    double squares = 0;
    for (float value : values) {
      squares += (value - mean) * (value - mean);
    }
    return Math.sqrt(squares / values.length);
  }
}
