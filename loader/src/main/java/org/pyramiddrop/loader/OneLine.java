package org.pyramiddrop.loader;

import org.jspecify.annotations.Nullable;

/** Text from files, made fit to stand in a one-line message. */
public final class OneLine {
  private static final int LONGEST_NAME = 200;
  private static final int LONGEST_MESSAGE = 2000;

  private OneLine() {}

  /**
   * The text with every character that moves or hides others, or that is none, written as an
   * escape; cut where nobody would read on.
   */
  public static String of(@Nullable String text) {
    if (text == null) {
      return "no reason given";
    }
    String shown = cut(text, LONGEST_MESSAGE);
    StringBuilder line = new StringBuilder(shown.length());
    shown
        .codePoints()
        .forEach(c -> {
          if (isPlain(c)) {
            line.appendCodePoint(c);
          } else if (Character.isBmpCodePoint(c)) {
            line.append(String.format("\\u%04x", c));
          } else {
            line.append(String.format("\\u{%x}", c));
          }
        });
    return line.toString();
  }

  private static boolean isPlain(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }

  /** A name out of a file, cut where it would drown the message. */
  public static String shorten(String name) {
    return cut(name, LONGEST_NAME);
  }

  private static String cut(String text, int longest) {
    if (text.length() <= longest) {
      return text;
    }
    boolean halvesAPair = Character.isHighSurrogate(text.charAt(longest - 1));
    return text.substring(0, halvesAPair ? longest - 1 : longest) + "…";
  }
}
