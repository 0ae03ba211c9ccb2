package org.pyramiddrop.loader.tokenizer;

/** Puts one text for all that a pattern matches. */
final class Replacement {
  // A short text must not be made into one that fills the memory.
  private static final int MOST_GROWTH = 64;
  private static final int ALWAYS_FINE = 1 << 20;

  private final JsonPlace place;
  private final TextFinder finder;
  private final String content;

  private Replacement(JsonPlace place, TextFinder finder, String content) {
    this.place = place;
    this.finder = finder;
    this.content = content;
  }

  static Replacement read(JsonPlace place) {
    return new Replacement(
        place, TextFinder.read(place.member("pattern")), place.member("content").text());
  }

  static Replacement of(JsonPlace place, int sought, String content) {
    return new Replacement(place, TextFinder.of(Character.toString(sought)), content);
  }

  String in(String text) {
    return in(Slice.whole(text)).text();
  }

  Slice in(Slice slice) {
    String text = slice.text();
    int[] bounds = finder.find(text);
    if (bounds.length == 0) {
      return slice;
    }
    long length = text.length() + (long) bounds.length / 2 * content.length();
    if (length > ALWAYS_FINE && length > (long) MOST_GROWTH * text.length()) {
      throw place.wrong("makes a text more than " + MOST_GROWTH + " times as long");
    }
    StringBuilder replaced = new StringBuilder(text.length());
    int origin = 0;
    int copied = 0;
    for (int i = 0; i < bounds.length; i += 2) {
      int start = bounds[i];
      int end = bounds[i + 1];
      replaced.append(text, copied, start);
      origin += Math.max(Math.min(slice.origin(), start) - copied, 0);
      replaced.append(content);
      // What is put in stems from where the character before it, the last one replaced, stems from.
      if (end == 0 || end <= slice.origin()) {
        origin += content.length();
      }
      copied = end;
    }
    replaced.append(text, copied, text.length());
    origin += Math.max(slice.origin() - copied, 0);
    return slice.with(replaced.toString(), origin);
  }
}
