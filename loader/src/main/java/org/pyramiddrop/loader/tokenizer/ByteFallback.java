package org.pyramiddrop.loader.tokenizer;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Puts characters for tokens such as {@code <0xE2>} that stand for bytes: as many of them as follow
 * each other, or U+FFFD for each of them if they are no UTF-8.
 */
final class ByteFallback implements Decoder {
  private static final int NONE = -1;

  @Override
  public List<String> decode(List<String> tokens) {
    List<String> texts = new ArrayList<>(tokens.size());
    byte[] bytes = new byte[tokens.size()];
    int count = 0;
    for (String token : tokens) {
      int value = value(token);
      if (value == NONE) {
        flush(bytes, count, texts);
        count = 0;
        texts.add(token);
      } else {
        bytes[count++] = (byte) value;
      }
    }
    flush(bytes, count, texts);
    return texts;
  }

  private static void flush(byte[] bytes, int count, List<String> texts) {
    if (count == 0) {
      return;
    }
    try {
      texts.add(
          StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes, 0, count)).toString());
    } catch (CharacterCodingException e) {
      for (int i = 0; i < count; i++) {
        texts.add("\uFFFD");
      }
    }
  }

  private static int value(String token) {
    if (token.length() != 6 || !token.startsWith("<0x") || token.charAt(5) != '>') {
      return NONE;
    }
    int low = digit(token.charAt(4));
    // The library reads numbers so that a plus may stand before them.
    int high = token.charAt(3) == '+' ? 0 : digit(token.charAt(3));
    return low == NONE || high == NONE ? NONE : 16 * high + low;
  }

  private static int digit(char c) {
    return c < 0x80 ? Character.digit(c, 16) : NONE;
  }
}
