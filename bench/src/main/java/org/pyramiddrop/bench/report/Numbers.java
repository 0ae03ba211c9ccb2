package org.pyramiddrop.bench.report;

import java.util.Locale;

/** How tables write numbers. */
public final class Numbers {
  private Numbers() {}

  /** Three digits or more. */
  public static String number(double value) {
    int magnitude = value == 0 ? 0 : (int) Math.floor(Math.log10(Math.abs(value)));
    return decimal(value, Math.max(0, 2 - magnitude));
  }

  /** A ratio of two times or counts. */
  public static String ratio(double value) {
    return decimal(value, 3);
  }

  /** A share in whole percent. */
  public static String percent(double share) {
    return decimal(100 * share, 0) + "%";
  }

  /** The lowest and the highest. */
  public static String range(Spread spread) {
    return number(spread.low()) + "–" + number(spread.high());
  }

  /** The median, in brackets the lowest and the highest. */
  public static String spread(Spread spread) {
    return "%s (%s)".formatted(number(spread.median()), range(spread));
  }

  /** The lowest and the highest ratio. */
  public static String ratios(Spread spread) {
    return ratio(spread.low()) + "–" + ratio(spread.high());
  }

  /** A number with some digits behind the point. */
  public static String decimal(double value, int digits) {
    return String.format(Locale.ROOT, "%." + digits + "f", value);
  }
}
