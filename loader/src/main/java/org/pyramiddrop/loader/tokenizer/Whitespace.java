package org.pyramiddrop.loader.tokenizer;

/** Unicode's White_Space, which is not what Java calls whitespace; none of it is a surrogate. */
final class Whitespace {
  private Whitespace() {}

  static boolean is(int character) {
    if (character < 0x80) {
      return character == ' ' || (character >= 0x09 && character <= 0x0D);
    }
    return switch (character) {
      case 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true;
      default -> character >= 0x2000 && character <= 0x200A;
    };
  }

  /** Where the whitespace that begins at an index ends, at most at a limit. */
  static int endFrom(String text, int start, int limit) {
    int end = start;
    while (end < limit && is(text.charAt(end))) {
      end++;
    }
    return end;
  }

  /** Where the whitespace that ends at an index begins, at least at a limit. */
  static int startBefore(String text, int end, int limit) {
    int start = end;
    while (start > limit && is(text.charAt(start - 1))) {
      start--;
    }
    return start;
  }
}
