package org.pyramiddrop.transformer.drawing;

import java.awt.image.BufferedImage;
import java.util.function.BiPredicate;

/** Captions as rows of ink and blanks, to compare. */
final class Ink {
  private static final int SCALE = 2;

  private Ink() {}

  /** What stands below a panel's bottom. */
  static String below(BufferedImage drawn, int left, int bottom, int letters) {
    return rows(
        letters,
        (x, y) -> (drawn.getRGB(left + SCALE * x, bottom + 8 + SCALE * y) & 0xFFFFFF) == 0);
  }

  /** What a text looks like. */
  static String of(String text, int letters) {
    return rows(
        letters,
        (x, y) -> {
          int letter = x / (TinyFont.WIDTH + 1);
          int column = x % (TinyFont.WIDTH + 1);
          return letter < text.length()
              && column < TinyFont.WIDTH
              && TinyFont.inked(text.charAt(letter), column, y);
        });
  }

  private static String rows(int letters, BiPredicate<Integer, Integer> inked) {
    StringBuilder ink = new StringBuilder();
    for (int y = 0; y < TinyFont.HEIGHT; y++) {
      for (int x = 0; x < letters * (TinyFont.WIDTH + 1); x++) {
        ink.append(inked.test(x, y) ? '#' : ' ');
      }
      ink.append('\n');
    }
    return ink.toString();
  }
}
