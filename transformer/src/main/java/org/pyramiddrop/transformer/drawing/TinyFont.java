package org.pyramiddrop.transformer.drawing;

import java.util.Map;

/**
 * The few letters that captions need, five by seven pixels each.
 *
 * <p>Java's own text drawing wants fonts installed on the machine, and servers often have none.
 */
final class TinyFont {
  static final int WIDTH = 5;
  static final int HEIGHT = 7;

  /** A glyph's rows from the top, each five bits from the left. */
  private static final Map<Character, int[]> GLYPHS =
      Map.ofEntries(
          Map.entry('0', new int[] {14, 17, 19, 21, 25, 17, 14}),
          Map.entry('1', new int[] {4, 12, 4, 4, 4, 4, 14}),
          Map.entry('2', new int[] {14, 17, 1, 2, 4, 8, 31}),
          Map.entry('3', new int[] {31, 2, 4, 2, 1, 17, 14}),
          Map.entry('4', new int[] {2, 6, 10, 18, 31, 2, 2}),
          Map.entry('5', new int[] {31, 16, 30, 1, 1, 17, 14}),
          Map.entry('6', new int[] {6, 8, 16, 30, 17, 17, 14}),
          Map.entry('7', new int[] {31, 1, 2, 4, 8, 8, 8}),
          Map.entry('8', new int[] {14, 17, 17, 14, 17, 17, 14}),
          Map.entry('9', new int[] {14, 17, 17, 15, 1, 2, 12}),
          Map.entry(' ', new int[] {0, 0, 0, 0, 0, 0, 0}),
          Map.entry('-', new int[] {0, 0, 0, 31, 0, 0, 0}),
          Map.entry(':', new int[] {0, 12, 12, 0, 12, 12, 0}),
          Map.entry('a', new int[] {0, 0, 14, 1, 15, 17, 15}),
          Map.entry('d', new int[] {1, 1, 13, 19, 17, 19, 13}),
          Map.entry('e', new int[] {0, 0, 14, 17, 31, 16, 14}),
          Map.entry('f', new int[] {6, 9, 8, 28, 8, 8, 8}),
          Map.entry('g', new int[] {0, 0, 15, 17, 15, 1, 14}),
          Map.entry('i', new int[] {4, 0, 12, 4, 4, 4, 14}),
          Map.entry('l', new int[] {12, 4, 4, 4, 4, 4, 14}),
          Map.entry('n', new int[] {0, 0, 22, 25, 17, 17, 17}),
          Map.entry('o', new int[] {0, 0, 14, 17, 17, 17, 14}),
          Map.entry('r', new int[] {0, 0, 22, 25, 16, 16, 16}),
          Map.entry('s', new int[] {0, 0, 14, 16, 14, 1, 30}),
          Map.entry('w', new int[] {0, 0, 17, 17, 21, 21, 10}),
          Map.entry('y', new int[] {0, 0, 17, 17, 15, 1, 14}));

  private TinyFont() {}

  /** Whether a character has ink at a column and a row. */
  static boolean inked(char character, int column, int row) {
    int[] glyph = GLYPHS.get(character);
    if (glyph == null) {
      throw new IllegalArgumentException("no glyph for '" + character + "'");
    }
    return (glyph[row] >> (WIDTH - 1 - column) & 1) == 1;
  }
}
