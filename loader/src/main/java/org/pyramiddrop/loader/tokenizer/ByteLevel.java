package org.pyramiddrop.loader.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A visible character for each byte, so that any text can be written with 256 of them. */
final class ByteLevel {
  /** What GPT-2 takes as words. */
  static final String WORDS =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  private static final int NONE = -1;
  private static final char[] CHARACTERS = new char[256];
  private static final int[] BYTES = new int[512];

  static {
    Arrays.fill(BYTES, NONE);
    char invisible = 256;
    for (int value = 0; value < CHARACTERS.length; value++) {
      boolean visible = (value >= '!' && value <= '~') || (value >= 0xA1 && value != 0xAD);
      CHARACTERS[value] = visible ? (char) value : invisible++;
      BYTES[CHARACTERS[value]] = value;
    }
  }

  private ByteLevel() {}

  /** A slice with a character for each of its UTF-8 bytes. */
  static Slice encoded(Slice slice) {
    String text = slice.text();
    return slice.with(encoded(text), encoded(text.substring(0, slice.origin())).length());
  }

  private static String encoded(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    char[] characters = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      characters[i] = CHARACTERS[Byte.toUnsignedInt(bytes[i])];
    }
    return new String(characters);
  }

  /** The bytes that a token stands for; the UTF-8 bytes of it if it has other characters too. */
  static byte[] decoded(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = token.charAt(i);
      if (c >= BYTES.length || BYTES[c] == NONE) {
        return token.getBytes(StandardCharsets.UTF_8);
      }
      bytes[i] = (byte) BYTES[c];
    }
    return bytes;
  }
}
