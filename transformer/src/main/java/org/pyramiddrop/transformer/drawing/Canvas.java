package org.pyramiddrop.transformer.drawing;

import java.awt.image.BufferedImage;
import java.util.function.IntBinaryOperator;
import org.pyramiddrop.loader.Picture;

/**
 * Panels in rows and columns, each a view of a picture enlarged by a whole number, with a caption
 * below.
 */
final class Canvas {
  static final int GAP = 8;
  static final int CAPTION = 30;
  private static final int PANEL = 336;
  private static final int TEXT_SCALE = 2;
  private static final int TEXT_TOP = 8;
  private static final int WHITE = 0xFFFFFF;
  private static final int BLACK = 0;

  private final int width;
  private final int height;
  private final int scale;
  private final int patchSize;
  private final BufferedImage image;

  /**
   * An empty canvas.
   *
   * @param view one of the views, which all have its size
   * @param patchSize pixels of a patch's side
   */
  Canvas(Picture view, int columns, int rows, int patchSize) {
    width = view.width();
    height = view.height();
    this.patchSize = patchSize;
    scale = Math.max(1, Math.ceilDiv(PANEL, width));
    image =
        new BufferedImage(
            GAP + columns * (width * scale + GAP),
            GAP + rows * (height * scale + CAPTION),
            BufferedImage.TYPE_INT_RGB);
    fill(0, 0, image.getWidth(), image.getHeight(), WHITE);
  }

  BufferedImage image() {
    return image;
  }

  /** Patches from left to right; what is left over at the right belongs to none. */
  int across() {
    return width / patchSize;
  }

  /** Patches of a view. */
  int patches() {
    return across() * (height / patchSize);
  }

  /**
   * Draws a panel.
   *
   * @param colour of a pixel, from its patch (-1 outside all of them) and its colour in the view
   */
  void panel(int column, int row, Picture view, String caption, IntBinaryOperator colour) {
    int left = GAP + column * (width * scale + GAP);
    int top = GAP + row * (height * scale + CAPTION);
    int side = patchSize * scale;
    for (int y = 0; y < height * scale; y++) {
      for (int x = 0; x < width * scale; x++) {
        int drawn = colour.applyAsInt(patch(x / side, y / side), view.rgb(x / scale, y / scale));
        image.setRGB(left + x, top + y, x % side == 0 || y % side == 0 ? grid(drawn) : drawn);
      }
    }
    text(left, top + height * scale + TEXT_TOP, caption);
  }

  private int patch(int column, int row) {
    return column < across() && row < height / patchSize ? row * across() + column : -1;
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

  private void fill(int left, int top, int fillWidth, int fillHeight, int colour) {
    for (int y = top; y < top + fillHeight; y++) {
      for (int x = left; x < left + fillWidth; x++) {
        image.setRGB(x, y, colour);
      }
    }
  }
}
