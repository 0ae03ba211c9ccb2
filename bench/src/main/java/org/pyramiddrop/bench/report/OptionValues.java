package org.pyramiddrop.bench.report;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.pyramiddrop.loader.Resolution;

/** Checks that commands make of their options. */
public final class OptionValues {
  private static final Pattern SIZE = Pattern.compile("([1-9]\\d{0,4})x([1-9]\\d{0,4})");

  private OptionValues() {}

  public static void atLeast(int least, String option, int value) {
    if (value < least) {
      throw new IllegalArgumentException(
          "%s must be at least %d, not %d".formatted(option, least, value));
    }
  }

  /** Reads an image's size, width before height. */
  public static Resolution imageSize(String option, String text) {
    Matcher size = SIZE.matcher(text);
    if (!size.matches()) {
      throw new IllegalArgumentException(
          "%s is written width x height in pixels, as 672x336, not %s".formatted(option, text));
    }
    return new Resolution(Integer.parseInt(size.group(2)), Integer.parseInt(size.group(1)));
  }

  /** Refuses a prompt and an answer that are longer than the model's positions. */
  public static void fits(int imageTokens, int textTokens, int newTokens, int positions) {
    if (imageTokens + textTokens + newTokens > positions) {
      throw new IllegalArgumentException(
          "%d tokens of an image, %d of text and %d new ones don't fit into the model's %d positions"
              .formatted(imageTokens, textTokens, newTokens, positions));
    }
  }
}
