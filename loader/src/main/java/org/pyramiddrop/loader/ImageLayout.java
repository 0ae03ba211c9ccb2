package org.pyramiddrop.loader;

import java.util.Objects;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Which places of an image its image tokens stand for, in their order: first the whole image,
 * squeezed into the vision tower's square, row by row; then, of a model that takes images of any
 * resolution, the finer grid that tiles make, row by row, with a newline token behind each row.
 *
 * @param side patches of a side of the vision tower's square
 * @param classToken whether the tower's class token comes before those patches
 * @param tiles the finer grid, or null where there is none
 */
public record ImageLayout(int side, boolean classToken, @Nullable Tiles tiles) {

  /**
   * The finer grid. What padding covers is cut off, so it may be smaller than the tiles.
   *
   * @param tileRows tiles from top to bottom
   * @param tileColumns tiles from left to right
   * @param top patch rows of the tiles above the grid
   * @param left patch columns of the tiles left of the grid
   * @param rows patch rows of the grid
   * @param columns patch columns of the grid
   */
  public record Tiles(int tileRows, int tileColumns, int top, int left, int rows, int columns) {
    /** Tokens of the grid, a newline a row among them. */
    public int tokens() {
      return rows * (columns + 1);
    }
  }

  /** What a model makes of images of some size. */
  public static ImageLayout of(LlavaConfig config, Resolution image) {
    VisionConfig vision = config.vision();
    Tiles tiles = config.anyResolution() ? AnyResolution.of(config).tiles(image) : null;
    return new ImageLayout(
        vision.imageSize() / vision.patchSize(), config.keepsClassToken(), tiles);
  }

  /** Images that go through the vision tower. */
  public int crops() {
    return tiles == null ? 1 : 1 + tiles.tileRows * tiles.tileColumns;
  }

  /** Tokens that the vision tower makes of one crop. */
  public int cropTokens() {
    return side * side + (classToken ? 1 : 0);
  }

  /** Tokens that stand for the image in the prompt. */
  public int tokens() {
    return cropTokens() + (tiles == null ? 0 : tiles.tokens());
  }

  /** The token of a patch of the whole image. */
  public int whole(int row, int column) {
    return (classToken ? 1 : 0) + row * side + column;
  }

  /**
   * The token of a patch of the finer grid; one column further right, that of the row's newline.
   *
   * @throws IllegalStateException if there is no finer grid
   */
  public int grid(int row, int column) {
    if (tiles == null) {
      throw new IllegalStateException("this layout has no finer grid");
    }
    return cropTokens() + row * (tiles.columns + 1) + column;
  }

  /**
   * Where each token comes from: the row of all crops' tokens one below the other, in the order of
   * {@link ImageProcessor#process}, or the row behind them for a newline.
   */
  public int[] sources() {
    int[] sources = new int[tokens()];
    int at = 0;
    while (at < cropTokens()) {
      sources[at] = at;
      at++;
    }
    if (tiles != null) {
      for (int y = tiles.top; y < tiles.top + tiles.rows; y++) {
        for (int x = tiles.left; x < tiles.left + tiles.columns; x++) {
          int crop = 1 + y / side * tiles.tileColumns + x / side;
          sources[at++] = crop * cropTokens() + y % side * side + x % side;
        }
        sources[at++] = crops() * cropTokens();
      }
    }
    return sources;
  }

  /**
   * How many tokens a crop's patches became: all of the whole image's, of a tile what isn't
   * padding.
   */
  public int patches(int crop) {
    Part part = part(crop);
    return part.rows() * part.columns();
  }

  /** Those tokens, in the order of the patches. */
  public int[] patchTokens(int crop) {
    Part part = part(crop);
    return IntStream.range(0, part.rows() * part.columns())
        .map(i -> {
          int row = part.top() + i / part.columns();
          int column = part.left() + i % part.columns();
          return crop == 0 ? whole(row, column) : grid(row, column);
        })
        .toArray();
  }

  /** The rows and columns of the whole image, or of the finer grid, that are a crop's. */
  private record Part(int top, int left, int rows, int columns) {}

  private Part part(int crop) {
    Objects.checkIndex(crop, crops());
    if (crop == 0 || tiles == null) {
      return new Part(0, 0, side, side);
    }
    int top = (crop - 1) / tiles.tileColumns * side - tiles.top;
    int left = (crop - 1) % tiles.tileColumns * side - tiles.left;
    int firstRow = Math.clamp(top, 0, tiles.rows);
    int firstColumn = Math.clamp(left, 0, tiles.columns);
    return new Part(
        firstRow,
        firstColumn,
        Math.clamp(top + side, 0, tiles.rows) - firstRow,
        Math.clamp(left + side, 0, tiles.columns) - firstColumn);
  }
}
