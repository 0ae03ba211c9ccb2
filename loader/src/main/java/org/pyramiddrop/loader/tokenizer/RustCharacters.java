package org.pyramiddrop.loader.tokenizer;

/**
 * Kinds of characters as the Rust libraries have them that the tokenizers library uses beside its
 * patterns.
 */
final class RustCharacters {
  private static final int NUMBER = CharSet.categories("N");
  private static final int PUNCTUATION = CharSet.categories("P");
  private static final int WORD =
      CharSet.categories("M") | CharSet.categories("Nd") | CharSet.categories("Pc");
  private static final String ASCII_SIGNS = "$+<=>^`|~";

  // First and last of what later versions of Unicode than theirs have as punctuation.
  private static final int[] LATER_PUNCTUATION = {
    0x61D, 0x61D, 0x9FD, 0x9FD, 0xA76, 0xA76, 0xC77, 0xC77, 0xC84, 0xC84,
    0x1B4E, 0x1B4F, 0x1B7D, 0x1B7F, 0x2E43, 0x2E4F, 0x2E52, 0x2E5D, 0x10D6E, 0x10D6E,
    0x10EAD, 0x10EAD, 0x10F55, 0x10F59, 0x10F86, 0x10F89, 0x113D4, 0x113D5, 0x113D7, 0x113D8,
    0x1144B, 0x1144F, 0x1145A, 0x1145B, 0x1145D, 0x1145D, 0x11660, 0x1166C, 0x116B9, 0x116B9,
    0x1183B, 0x1183B, 0x11944, 0x11946, 0x119E2, 0x119E2, 0x11A3F, 0x11A46, 0x11A9A, 0x11A9C,
    0x11A9E, 0x11AA2, 0x11B00, 0x11B09, 0x11BE1, 0x11BE1, 0x11C41, 0x11C45, 0x11C70, 0x11C71,
    0x11EF7, 0x11EF8, 0x11F43, 0x11F4F, 0x11FFF, 0x11FFF, 0x12FF1, 0x12FF2, 0x16D6D, 0x16D6F,
    0x16E97, 0x16E9A, 0x16FE2, 0x16FE2, 0x1E5FF, 0x1E5FF, 0x1E95E, 0x1E95F,
  };

  private RustCharacters() {}

  /** What {@code \\w} is there. */
  static boolean isWord(int character) {
    return Character.isAlphabetic(character)
        || CharSet.in(character, WORD)
        || character == 0x200C
        || character == 0x200D;
  }

  static boolean isNumber(int character) {
    // Unicode 17 added numbers that Java 25 does not know and the library does.
    return CharSet.in(character, NUMBER)
        || (character >= 0x11DE0 && character <= 0x11DE9)
        || (character >= 0x16FF4 && character <= 0x16FF6);
  }

  static boolean isPunctuation(int character) {
    if (character < 0x80) {
      return CharSet.in(character, PUNCTUATION) || ASCII_SIGNS.indexOf(character) >= 0;
    }
    return switch (character) {
      // Were punctuation then.
      case 0x166D, 0x111C9 -> true;
      default ->
          CharSet.in(character, PUNCTUATION) && !CharRanges.have(LATER_PUNCTUATION, character);
    };
  }
}
