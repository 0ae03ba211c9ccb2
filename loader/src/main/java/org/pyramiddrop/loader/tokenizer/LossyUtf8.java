package org.pyramiddrop.loader.tokenizer;

import java.nio.charset.StandardCharsets;

/**
 * Text of bytes that need not be UTF-8: U+FFFD stands for the longest beginning of a character that
 * the bytes have, or else for one byte. Java puts it for other stretches of bytes.
 */
final class LossyUtf8 {
  private static final char REPLACEMENT = '\uFFFD';

  private LossyUtf8() {}

  static String decode(byte[] bytes) {
    String text = new String(bytes, StandardCharsets.UTF_8);
    return text.indexOf(REPLACEMENT) < 0 ? text : decodeCarefully(bytes);
  }

  private static String decodeCarefully(byte[] bytes) {
    StringBuilder text = new StringBuilder(bytes.length);
    for (int at = 0; at < bytes.length; ) {
      int first = Byte.toUnsignedInt(bytes[at]);
      int length = length(first);
      int found = 1;
      int character = length == 1 ? first : first & (0x7F >> length);
      while (found < length && at + found < bytes.length) {
        int next = Byte.toUnsignedInt(bytes[at + found]);
        boolean fits =
            found == 1 ? next >= lowest(first) && next <= highest(first) : next >> 6 == 2;
        if (!fits) {
          break;
        }
        character = (character << 6) | (next & 0x3F);
        found++;
      }
      text.appendCodePoint(found == length ? character : REPLACEMENT);
      at += found;
    }
    return text.toString();
  }

  /** How many bytes a character has that begins with this one; 0 if none does. */
  private static int length(int first) {
    if (first < 0x80) {
      return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
      return 0;
    }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  }

  // The second byte tells overlong forms, halves of surrogate pairs and what is no character.
  private static int lowest(int first) {
    return switch (first) {
      case 0xE0 -> 0xA0;
      case 0xF0 -> 0x90;
      default -> 0x80;
    };
  }

  private static int highest(int first) {
    return switch (first) {
      case 0xED -> 0x9F;
      case 0xF4 -> 0x8F;
      default -> 0xBF;
    };
  }
}
