package org.pyramiddrop.loader.tokenizer;

/** Takes a number of equal characters off a token's ends. */
record Strip(int character, int atStart, int atEnd) {
  static Strip read(JsonPlace place) {
    return new Strip(
        place.member("content").character(),
        place.member("start").count(),
        place.member("stop").count());
  }

  String of(String token) {
    int width = Character.charCount(character);
    int start = 0;
    for (int i = 0; i < atStart && start < token.length() && isAt(token, start); i++) {
      start += width;
    }
    int end = token.length();
    for (int i = 0; i < atEnd && end > start && token.codePointBefore(end) == character; i++) {
      end -= width;
    }
    return token.substring(start, end);
  }

  private boolean isAt(String token, int index) {
    return token.codePointAt(index) == character;
  }
}
