package org.pyramiddrop.loader.tokenizer;

/** Lower case, character by character and whatever the words, as the tokenizers library has it. */
final class Lowercase {
  private static final int CAPITAL_I_WITH_DOT = 0x130;
  private static final String SMALL_I_AND_DOT = "i\u0307";

  private Lowercase() {}

  static String of(String text) {
    StringBuilder lower = new StringBuilder(text.length());
    text.codePoints()
        .forEach(character -> {
          if (character == CAPITAL_I_WITH_DOT) {
            lower.append(SMALL_I_AND_DOT);
          } else {
            lower.appendCodePoint(lower(character));
          }
        });
    return lower.toString();
  }

  // Unicode 17 added letters that Java 25 does not know and the library does.
  private static int lower(int character) {
    return switch (character) {
      case 0xA7CE, 0xA7D2, 0xA7D4 -> character + 1;
      default ->
          character >= 0x16EA0 && character <= 0x16EB8
              ? character + 27
              : Character.toLowerCase(character);
    };
  }
}
