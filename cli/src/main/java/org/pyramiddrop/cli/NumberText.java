package org.pyramiddrop.cli;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.pyramiddrop.loader.Resolution;

/** Large numbers in few digits. */
final class NumberText {
  /** Sides of up to five digits. */
  private static final Pattern RESOLUTION = Pattern.compile("([1-9]\\d{0,4})x([1-9]\\d{0,4})");

  private NumberText() {}

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

  /**
   * An image's size, read from {@code WxH}.
   *
   * @throws UsageException naming the flag, if it is none
   */
  static Resolution resolution(String flag, String size) {
    Matcher sides = RESOLUTION.matcher(size);
    if (!sides.matches()) {
      throw new UsageException(flag + " takes a width and a height as in 640x480, got " + size);
    }
    return new Resolution(Integer.parseInt(sides.group(2)), Integer.parseInt(sides.group(1)));
  }
}
