package org.pyramiddrop.cli;

import java.util.Arrays;

/** Whether the locale carried the command's words into Java unharmed. */
final class Locales {
  /** What Java puts in the place of bytes that the locale has no character for. */
  private static final String LOST = "\uFFFD";

  private Locales() {}

  /**
   * Refuses words that were damaged on their way.
   *
   * @param encoding of the locale, as {@code sun.jnu.encoding} names it
   * @throws BadUse saying what to set
   */
  static void check(String encoding, String... words) {
    if (!encoding.equalsIgnoreCase("UTF-8")
        && Arrays.stream(words).anyMatch(word -> word.contains(LOST))) {
      throw new BadUse(
          "the locale's encoding, "
              + encoding
              + ", can't carry this command's words; set LC_ALL=C.UTF-8");
    }
  }
}
