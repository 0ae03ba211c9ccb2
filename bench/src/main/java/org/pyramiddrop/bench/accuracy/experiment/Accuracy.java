package org.pyramiddrop.bench.accuracy.experiment;

import static org.pyramiddrop.bench.report.Numbers.decimal;

/**
 * How many questions were answered right, written as {@code 11/12}.
 *
 * @param right the sum of the scores, each from 0 to 1
 * @param asked how many questions, at least 1
 */
record Accuracy(double right, int asked) {
  /** Standard deviations around the middle of a normal distribution that hold 95 % of it. */
  private static final double Z = 1.959964;

  Accuracy {
    if (asked < 1 || !(right >= 0 && right <= asked)) {
      throw new IllegalArgumentException(right + " of " + asked + " questions can't be right");
    }
  }

  double share() {
    return right / asked;
  }

  /** The lower end of the 95 % interval of the share, exactly 0 if none is right. */
  double low() {
    return right == 0 ? 0 : centre() - halfWidth();
  }

  /** The upper end of the 95 % interval of the share, exactly 1 if all are right. */
  double high() {
    return right == asked ? 1 : centre() + halfWidth();
  }

  String percent() {
    return Format.percent(share());
  }

  String interval() {
    return Format.percent(low()) + " to " + Format.percent(high());
  }

  // Wilson (1927), "Probable inference, the law of succession, and statistical inference". Scores
  // between 0 and 1 vary less than rights and wrongs of the same mean: the interval is then too
  // wide, never too narrow.
  private double centre() {
    return (share() + Z * Z / (2 * asked)) / (1 + Z * Z / asked);
  }

  private double halfWidth() {
    double variance = share() * (1 - share()) / asked + Z * Z / (4.0 * asked * asked);
    return Z * Math.sqrt(variance) / (1 + Z * Z / asked);
  }

  @Override
  public String toString() {
    return decimal(right, right == Math.rint(right) ? 0 : 1) + "/" + asked;
  }
}
