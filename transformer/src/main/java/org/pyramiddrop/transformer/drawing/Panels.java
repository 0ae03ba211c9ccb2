package org.pyramiddrop.transformer.drawing;

import java.awt.Rectangle;
import java.util.function.IntBinaryOperator;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageView;

/**
 * One image's tokens, each at its place: a panel of the whole image and, where a model has a finer
 * grid too, one of it below, with a thin column at its right for the newlines of its rows. Panels
 * are their views enlarged by a whole number, with a caption below.
 */
final class Panels {
  /** Between the finer grid and its newlines. */
  static final int NEWLINE_GAP = 4;

  static final int NEWLINE_WIDTH = 8;

  /** Of a newline, which shows nothing of the image. */
  static final int NEWLINE = 0x2060C0;

  private static final int LEAST_SIDE = 336;

  private final ImageView view;
  private final ImageLayout layout;
  private final int patchSize;

  /**
   * The panels of an image.
   *
   * @param patchSize pixels of a patch's side
   * @throws IllegalArgumentException if one of its tokens stands for no place
   */
  Panels(ImageView view, int patchSize) {
    this.view = view;
    this.patchSize = patchSize;
    layout = view.layout();
    if (layout.classToken()) {
      throw new IllegalArgumentException("a class token stands for no place that could be drawn");
    }
  }

  ImageLayout layout() {
    return layout;
  }

  int width() {
    Image grid = view.grid();
    int whole = view.whole().width() * scale(view.whole());
    return grid == null
        ? whole
        : Math.max(whole, grid.width() * scale(grid) + NEWLINE_GAP + NEWLINE_WIDTH);
  }

  /** With captions, that of the finer grid of two lines. */
  int height() {
    Image grid = view.grid();
    int whole = view.whole().height() * scale(view.whole()) + Canvas.CAPTION;
    return grid == null
        ? whole
        : whole + grid.height() * scale(grid) + Canvas.CAPTION + Canvas.NEXT_LINE;
  }

  /**
   * Draws the panels.
   *
   * @param caption below the whole image
   * @param gridCaption below the finer grid
   * @param colour of a pixel, from its token (-1 for none) and its colour in the view
   */
  void draw(
      Canvas canvas,
      int left,
      int top,
      String caption,
      String gridCaption,
      IntBinaryOperator colour) {
    Image whole = view.whole();
    int scale = scale(whole);
    int cell = patchSize * scale;
    Rectangle area = new Rectangle(left, top, whole.width() * scale, whole.height() * scale);
    canvas.paint(
        area,
        cell,
        cell,
        (x, y) -> colour.applyAsInt(token(x / cell, y / cell), whole.rgb(x / scale, y / scale)));
    int below = area.y + area.height;
    canvas.caption(left, below, caption);
    Image grid = view.grid();
    if (grid != null) {
      drawGrid(canvas, grid, left, below + Canvas.CAPTION, gridCaption, colour);
    }
  }

  private void drawGrid(
      Canvas canvas, Image grid, int left, int top, String caption, IntBinaryOperator colour) {
    int scale = scale(grid);
    int cell = patchSize * scale;
    Rectangle area = new Rectangle(left, top, grid.width() * scale, grid.height() * scale);
    canvas.paint(
        area,
        cell,
        cell,
        (x, y) ->
            colour.applyAsInt(layout.grid(y / cell, x / cell), grid.rgb(x / scale, y / scale)));
    int columns = grid.width() / patchSize;
    canvas.paint(
        new Rectangle(left + area.width + NEWLINE_GAP, top, NEWLINE_WIDTH, area.height),
        NEWLINE_WIDTH,
        cell,
        (x, y) -> colour.applyAsInt(layout.grid(y / cell, columns), NEWLINE));
    canvas.caption(left, top + area.height, caption);
  }

  /** What is left over at the right and below belongs to no patch. */
  private int token(int column, int row) {
    return column < layout.side() && row < layout.side() ? layout.whole(row, column) : -1;
  }

  private static int scale(Image view) {
    return Math.max(1, Math.ceilDiv(LEAST_SIDE, Math.max(view.width(), view.height())));
  }
}
