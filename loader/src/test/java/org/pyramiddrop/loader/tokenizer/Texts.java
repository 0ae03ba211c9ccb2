package org.pyramiddrop.loader.tokenizer;

import java.util.List;
import java.util.Random;

/** Random texts of all kinds that a user, or nobody, would write. */
final class Texts {
  private static final List<String> PHRASES =
      List.of(
          "What number is on the red circle?",
          "USER: <image>\nWhat is it? ASSISTANT:",
          "I'm sure you're right, they'll see it's 'round HERE'S WE'VE don'T",
          "Straße, naïve, Ünïcödé, ŒUVRE, İstanbul, ΣΊΣΥΦΟΣ",
          "Что изображено на картинке?",
          "图片里有什么?请详细描述。",
          "この画像には何が写っていますか。",
          "이 사진에는 무엇이 있습니까?",
          "ما الذي يظهر في هذه الصورة؟ ١٢٣",
          "इस चित्र में क्या दिखाई दे रहा है?",
          "👩‍👩‍👧‍👦👍🏽🇩🇪❤️🙂",
          "e\u0301a\u0323\u0302o\u0308\u0304 \u1e9b\u0323 ﬁ ﬂ Ⅷ ½ ² ㎏ ｆｕｌｌ",
          "def f(x):\n\treturn x ** 2  # done\r\n\r\n",
          "3.14159, 1,234,567; 0x1F; 10⁻³; ٣٤٥; Ⅻ",
          "http://example.org/a?b=c&d=%20#e",
          "word Word WORD image images IMG img left  left right right  rightmost",
          "ſ K ŉ ß ẞ '\u017f we'\u017f");
  private static final String SPACES =
      " \t\n\r\u000b\f\u0085\u00a0\u2003\u2028\u3000\u200b\u200d\ufeff";
  // First and last characters of blocks that scripts, signs and marks lie in.
  private static final int[] BLOCKS = {
    0x20, 0x7E, 0xA0, 0x24F, 0x250, 0x2FF, 0x300, 0x36F, 0x370, 0x3FF, 0x400, 0x52F, 0x590, 0x5FF,
    0x600, 0x6FF, 0x700, 0x8FF, 0x900, 0x97F, 0x980, 0xDFF, 0xE00, 0xEFF, 0xF00, 0xFFF, 0x1100,
    0x11FF, 0x1780, 0x17FF, 0x1AB0, 0x1AFF, 0x1DC0, 0x1EFF, 0x1F00, 0x1FFF, 0x2000, 0x206F, 0x2070,
    0x218F, 0x2190, 0x2BFF, 0x2C00, 0x2DFF, 0x2E00, 0x303F, 0x3040, 0x30FF, 0x3100, 0x33FF, 0x3400,
    0x9FFF, 0xA000, 0xA4CF, 0xA640, 0xABFF, 0xAC00, 0xD7FF, 0xE000, 0xF8FF, 0xF900, 0xFAFF, 0xFB00,
    0xFFFF, 0x10000, 0x107FF, 0x10800, 0x10FFF, 0x11000, 0x11FFF, 0x12000, 0x16FFF, 0x17000,
    0x1BFFF, 0x1C000, 0x1D1FF, 0x1D200, 0x1D7FF, 0x1D800, 0x1EFFF, 0x1F000, 0x1FAFF, 0x1FB00,
    0x1FFFF, 0x20000, 0x2FFFF, 0x30000, 0x3FFFF, 0xE0000, 0xE01FF, 0xF0000, 0x10FFFF,
  };

  private final Random random;
  private final List<String> tokens;

  /** Texts in which these tokens occur too. */
  Texts(Random random, List<String> tokens) {
    this.random = random;
    this.tokens = tokens;
  }

  String next() {
    StringBuilder text = new StringBuilder();
    int pieces = random.nextInt(8);
    for (int i = 0; i < pieces; i++) {
      append(text);
    }
    return text.toString();
  }

  private void append(StringBuilder text) {
    switch (random.nextInt(16)) {
      case 0, 1 -> text.append(PHRASES.get(random.nextInt(PHRASES.size())));
      case 2 -> {
        String phrase = PHRASES.get(random.nextInt(PHRASES.size()));
        int start =
            phrase.offsetByCodePoints(0, random.nextInt(phrase.codePointCount(0, phrase.length())));
        text.append(phrase, start, phrase.length());
      }
      case 3, 4 -> {
        if (!tokens.isEmpty()) {
          text.append(tokens.get(random.nextInt(tokens.size())));
        }
      }
      case 5 -> {
        if (!tokens.isEmpty()) {
          String token = tokens.get(random.nextInt(tokens.size()));
          text.append(
              token,
              0,
              token.offsetByCodePoints(0, random.nextInt(token.codePointCount(0, token.length()))));
        }
      }
      case 6, 7 ->
          text.repeat(SPACES.charAt(random.nextInt(SPACES.length())), 1 + random.nextInt(4));
      case 8 -> text.repeat(' ', 1 + random.nextInt(6));
      case 9 -> {
        int block = 2 * random.nextInt(BLOCKS.length / 2);
        for (int i = random.nextInt(12); i >= 0; i--) {
          text.appendCodePoint(character(BLOCKS[block], BLOCKS[block + 1]));
        }
      }
      case 10 -> {
        for (int i = random.nextInt(6); i >= 0; i--) {
          text.appendCodePoint(character(0, Character.MAX_CODE_POINT));
        }
      }
      case 11 -> {
        for (int i = random.nextInt(8); i >= 0; i--) {
          text.append((char) ('0' + random.nextInt(10)));
        }
      }
      case 12 -> text.repeat('a' + random.nextInt(26), 1 + random.nextInt(60));
      case 13 -> {
        for (int i = random.nextInt(10); i >= 0; i--) {
          text.appendCodePoint(random.nextInt(0x80));
        }
      }
      case 14 -> {
        for (int i = random.nextInt(20); i >= 0; i--) {
          text.append((char) ((random.nextBoolean() ? 'a' : 'A') + random.nextInt(26)));
        }
      }
      default -> {
        text.append("ae\u1100o".charAt(random.nextInt(4)));
        for (int i = random.nextInt(6); i >= 0; i--) {
          text.appendCodePoint(
              random.nextInt(4) == 0 ? character(0x1AB0, 0x1AFF) : character(0x300, 0x36F));
        }
      }
    }
  }

  // Halves of surrogate pairs are no text, and the library doesn't take them.
  private int character(int first, int last) {
    int character = first + random.nextInt(last - first + 1);
    boolean half = character >= Character.MIN_SURROGATE && character <= Character.MAX_SURROGATE;
    return half ? '?' : character;
  }
}
