package org.pyramiddrop.bench.gpu;

import java.util.Locale;
import org.pyramiddrop.bench.Spread;

/** How tables write numbers. */
final class Numbers {
  static final String NONE = "";
  private static final double MEBI = 1 << 20;

  private Numbers() {}

  /** Three digits or more. */
  static String number(double value) {
    int decimals = value >= 100 ? 0 : value >= 10 ? 1 : value >= 1 ? 2 : 3;
    return String.format(Locale.ROOT, "%." + decimals + "f", value);
  }

  /** The lowest and the highest. */
  static String range(Spread spread) {
    return number(spread.low()) + "–" + number(spread.high());
  }

  /** Which part of the time the least possible time is. */
  static String share(double floor, double millis) {
    return String.format(Locale.ROOT, "%.0f%%", 100 * floor / millis);
  }

  /** How many times as much. */
  static String ratio(double value) {
    return String.format(Locale.ROOT, "%.2f", value);
  }

  static String mebibytes(long bytes) {
    return String.format(Locale.ROOT, "%.0f", bytes / MEBI);
  }
}
