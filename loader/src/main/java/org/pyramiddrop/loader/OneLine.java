package org.pyramiddrop.loader;

import org.jspecify.annotations.Nullable;

/** Text from files, made fit to stand in a one-line message. */
final class OneLine {
  private static final int LONGEST_NAME = 200;

  private OneLine() {}

  /** The text with every control character written as an escape. */
  static String of(@Nullable String text) {
    if (text == null) {
      return "no reason given";
    }
    StringBuilder line = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
        line.append(String.format("\\u%04x", (int) c));
      } else {
        line.append(c);
      }
    }
    return line.toString();
  }

  /** A name out of a file, cut where it would drown the message. */
  static String shorten(String name) {
    return name.length() <= LONGEST_NAME ? name : name.substring(0, LONGEST_NAME) + "…";
  }
}
