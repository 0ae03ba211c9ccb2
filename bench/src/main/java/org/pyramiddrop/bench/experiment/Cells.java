package org.pyramiddrop.bench.experiment;

import static java.util.Locale.ROOT;

import java.util.List;

/** Numbers as tables, charts and CSV files show them. */
final class Cells {
  /** The columns that {@link #csv} fills. */
  static final List<String> COLUMNS =
      List.of(
          "first_layers",
          "image_tokens",
          "multiply_adds",
          "flops",
          "right",
          "asked",
          "accuracy",
          "low",
          "high");

  private Cells() {}

  /** What every CSV file says about a variant: its stages, both counts, and its accuracy. */
  static List<String> csv(Variant variant, Results results) {
    Accuracy accuracy = results.accuracy(variant);
    return List.of(
        variant.firstLayersText(),
        variant.keptText(),
        whole(variant.multiplyAdds()),
        whole(results.flops(variant)),
        decimal(accuracy.right(), 2),
        String.valueOf(accuracy.asked()),
        decimal(accuracy.share(), 4),
        decimal(accuracy.low(), 4),
        decimal(accuracy.high(), 4));
  }

  /** A count without its fraction. */
  static String whole(double number) {
    return String.format(ROOT, "%.0f", number);
  }

  /** A number with some digits behind the point. */
  static String decimal(double number, int digits) {
    return String.format(ROOT, "%." + digits + "f", number);
  }

  /** A number without zeros at its end. */
  static String plain(double number) {
    return String.valueOf(number).replaceFirst("\\.0$", "");
  }

  /** A share in percent. */
  static String percent(double share) {
    return decimal(100 * share, 1) + " %";
  }

  /** How many were right. */
  static String right(Accuracy accuracy) {
    double right = accuracy.right();
    return (right == Math.rint(right) ? whole(right) : decimal(right, 1)) + "/" + accuracy.asked();
  }

  /** A large count in thousands of something: 3 digits and M, G or T. */
  static String scaled(double count) {
    for (Scale scale : Scale.values()) {
      if (count < 999.5 * scale.unit || scale == Scale.T) {
        double number = count / scale.unit;
        int digits = number < 9.995 ? 2 : number < 99.95 ? 1 : 0;
        return decimal(number, digits) + " " + scale;
      }
    }
    throw new AssertionError(count);
  }

  /** The unit in which the largest of some counts is at least 1. */
  static Scale scale(double largest) {
    Scale chosen = Scale.M;
    for (Scale scale : Scale.values()) {
      if (largest >= scale.unit) {
        chosen = scale;
      }
    }
    return chosen;
  }

  /** Units of large counts. */
  enum Scale {
    M(1e6),
    G(1e9),
    T(1e12);

    private final double unit;

    Scale(double unit) {
      this.unit = unit;
    }

    double unit() {
      return unit;
    }
  }
}
