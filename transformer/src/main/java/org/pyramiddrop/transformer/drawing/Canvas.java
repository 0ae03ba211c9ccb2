package org.pyramiddrop.transformer.drawing;

import java.awt.Rectangle;
import java.awt.image.BufferedImage;
import java.util.function.IntBinaryOperator;

/** A white image to paint areas of cells on, and write captions. */
final class Canvas {
  static final int GAP = 8;

  /** Space for one line of text, and for each further one. */
  static final int CAPTION = 30;

  static final int NEXT_LINE = 20;
  private static final int TEXT_SCALE = 2;
  private static final int TEXT_TOP = 8;
  private static final int WHITE = 0xFFFFFF;
  private static final int BLACK = 0;

  private final BufferedImage image;

  /** An empty canvas of some pixels. */
  Canvas(int width, int height) {
    image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    fill(0, 0, width, height, WHITE);
  }

  BufferedImage image() {
    return image;
  }

  /**
   * Paints an area, a little darker where its cells begin.
   *
   * @param colour of a column and a row of the area's pixels
   */
  void paint(Rectangle area, int cellWidth, int cellHeight, IntBinaryOperator colour) {
    for (int y = 0; y < area.height; y++) {
      for (int x = 0; x < area.width; x++) {
        int drawn = colour.applyAsInt(x, y);
        boolean line = x % cellWidth == 0 || y % cellHeight == 0;
        image.setRGB(area.x + x, area.y + y, line ? grid(drawn) : drawn);
      }
    }
  }

  /** Three quarters as bright. */
  static int grid(int colour) {
    return colour - ((colour >> 2) & 0x3F3F3F);
  }

  /** From 0, black, to 255, white. */
  static int luminance(int colour) {
    int red = colour >> 16 & 0xFF;
    int green = colour >> 8 & 0xFF;
    int blue = colour & 0xFF;
    return (299 * red + 587 * green + 114 * blue) / 1000;
  }

  /** Writes lines below one another, the first one below a place. */
  void caption(int left, int top, String lines) {
    int lineTop = top + TEXT_TOP;
    for (String line : lines.lines().toList()) {
      text(left, lineTop, line);
      lineTop += NEXT_LINE;
    }
  }

  private void text(int left, int top, String text) {
    for (int i = 0; i < text.length(); i++) {
      int glyphLeft = left + i * (TinyFont.WIDTH + 1) * TEXT_SCALE;
      for (int y = 0; y < TinyFont.HEIGHT; y++) {
        for (int x = 0; x < TinyFont.WIDTH; x++) {
          if (TinyFont.inked(text.charAt(i), x, y)) {
            fill(glyphLeft + x * TEXT_SCALE, top + y * TEXT_SCALE, TEXT_SCALE, TEXT_SCALE, BLACK);
          }
        }
      }
    }
  }

  private void fill(int left, int top, int width, int height, int colour) {
    for (int y = top; y < top + height; y++) {
      for (int x = left; x < left + width; x++) {
        image.setRGB(x, y, colour);
      }
    }
  }
}
