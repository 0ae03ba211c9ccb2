package org.pyramiddrop.loader.tokenizer;

/** Text without halves of surrogate pairs. */
final class WellFormed {
  private static final char REPLACEMENT = '\uFFFD';

  private WellFormed() {}

  static boolean is(String text) {
    return firstHalf(text, 0) == text.length();
  }

  /** The text with each half of a surrogate pair replaced by U+FFFD. */
  static String of(String text) {
    int half = firstHalf(text, 0);
    if (half == text.length()) {
      return text;
    }
    StringBuilder repaired = new StringBuilder(text);
    for (; half < text.length(); half = firstHalf(text, half + 1)) {
      repaired.setCharAt(half, REPLACEMENT);
    }
    return repaired.toString();
  }

  private static int firstHalf(String text, int from) {
    for (int i = from; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        boolean pair =
            i + 1 < text.length() && Character.isSurrogatePair(text.charAt(i), text.charAt(i + 1));
        if (!pair) {
          return i;
        }
        i++;
      }
    }
    return text.length();
  }
}
