package org.pyramiddrop.cli;

import java.util.Locale;

/** Large numbers in few digits. */
final class Sizes {
  private Sizes() {}

  /** A number of bytes: {@code 13.2 GiB}. */
  static String bytes(long bytes) {
    if (bytes < 1024) {
      return bytes + " B";
    }
    int power = (63 - Long.numberOfLeadingZeros(bytes)) / 10;
    return String.format(
        Locale.ROOT, "%.1f %ciB", (double) bytes / (1L << (10 * power)), " KMGTPE".charAt(power));
  }

  /** A number of things: {@code 7.1 billion}. */
  static String count(long count) {
    if (count >= 1_000_000_000) {
      return String.format(Locale.ROOT, "%.1f billion", count / 1e9);
    }
    if (count >= 1_000_000) {
      return String.format(Locale.ROOT, "%.1f million", count / 1e6);
    }
    return Long.toString(count);
  }
}
