package org.pyramiddrop.loader.tokenizer;

import java.util.function.IntPredicate;

/** Finds all places of something in a text; safe for several threads. */
@FunctionalInterface
interface TextFinder {
  /** Start and end of each match, one behind the other, in order and not overlapping. */
  int[] find(String text);

  /** Finds a text that is not empty. */
  static TextFinder of(String sought) {
    return text -> {
      TokenIds bounds = new TokenIds(8);
      for (int at = text.indexOf(sought); at >= 0; ) {
        int end = at + sought.length();
        bounds.add(at);
        bounds.add(end);
        at = text.indexOf(sought, end);
      }
      return bounds.toArray();
    };
  }

  /** Finds every character of a kind. */
  static TextFinder of(IntPredicate kind) {
    return text -> {
      TokenIds bounds = new TokenIds(8);
      for (int at = 0; at < text.length(); ) {
        int character = text.codePointAt(at);
        int end = at + Character.charCount(character);
        if (kind.test(character)) {
          bounds.add(at);
          bounds.add(end);
        }
        at = end;
      }
      return bounds.toArray();
    };
  }

  /** Reads a pattern as files write it: {@code {"String": …}} or {@code {"Regex": …}}. */
  static TextFinder read(JsonPlace pattern) {
    JsonPlace string = pattern.member("String");
    JsonPlace regex = pattern.member("Regex");
    if (string.isAbsent() == regex.isAbsent()) {
      throw pattern.wrong("must have either a String or a Regex");
    }
    if (string.isAbsent()) {
      return Regex.compile(regex);
    }
    String sought = string.text();
    return sought.isEmpty() ? Regex.compile(string) : of(sought);
  }
}
