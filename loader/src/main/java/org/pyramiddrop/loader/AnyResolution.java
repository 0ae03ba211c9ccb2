package org.pyramiddrop.loader;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;
import java.util.stream.IntStream;

/**
 * How LLaVA-NeXT takes an image of any resolution: the best fitting of some grids of tiles, the
 * image resized into it as large as it goes and padded in the middle of black; the same as the
 * transformers library's LlavaNextImageProcessor.
 *
 * @param pinpoints resolutions to choose from, whole numbers of tiles
 * @param tile pixels of a tile's side, which is the vision tower's
 * @param patch pixels of a patch's side
 * @param rounds whether the length of what isn't padding, in patches, is rounded to seven decimals
 *     before its fraction is cut off, as transformers does; the original LLaVA only cuts off
 */
record AnyResolution(List<Resolution> pinpoints, int tile, int patch, boolean rounds) {

  /** How a model that takes images of any resolution takes them. */
  static AnyResolution of(LlavaConfig config) {
    VisionConfig vision = config.vision();
    return new AnyResolution(
        config.pinpoints(), vision.imageSize(), vision.patchSize(), config.original() == null);
  }

  /**
   * The resolution that shows most of the image's pixels; of equals, the one that wastes least; of
   * those, the first.
   */
  Resolution best(Resolution image) {
    Resolution best = pinpoints.getFirst();
    long mostShown = 0;
    long leastWasted = Long.MAX_VALUE;
    for (Resolution candidate : pinpoints) {
      double scale =
          Math.min(
              (double) candidate.width() / image.width(),
              (double) candidate.height() / image.height());
      long width = (long) (image.width() * scale);
      long height = (long) (image.height() * scale);
      long shown = Math.min(width * height, (long) image.width() * image.height());
      long wasted = (long) candidate.width() * candidate.height() - shown;
      if (shown > mostShown || (shown == mostShown && wasted < leastWasted)) {
        best = candidate;
        mostShown = shown;
        leastWasted = wasted;
      }
    }
    return best;
  }

  /** The largest size with the image's proportions inside a resolution. */
  static Resolution fitted(Resolution image, Resolution inside) {
    double across = (double) inside.width() / image.width();
    double down = (double) inside.height() / image.height();
    return across < down
        ? new Resolution(
            Math.min((int) Math.ceil(image.height() * across), inside.height()), inside.width())
        : new Resolution(
            inside.height(), Math.min((int) Math.ceil(image.width() * down), inside.width()));
  }

  /** The tiles of an image and the part of their patches that is not padding. */
  ImageLayout.Tiles tiles(Resolution image) {
    Resolution best = best(image);
    int side = tile / patch;
    int tileRows = best.height() / tile;
    int tileColumns = best.width() / tile;
    int rows = tileRows * side;
    int columns = tileColumns * side;
    // Not from the pixels that padding took: the reference rounds anew, in patches.
    if ((double) image.width() / image.height() > (double) columns / rows) {
      int top = (rows - scaled(image.height(), (double) columns / image.width())) / 2;
      return new ImageLayout.Tiles(tileRows, tileColumns, top, 0, rows - 2 * top, columns);
    }
    int left = (columns - scaled(image.width(), (double) rows / image.height())) / 2;
    return new ImageLayout.Tiles(tileRows, tileColumns, 0, left, rows, columns - 2 * left);
  }

  private int scaled(int length, double scale) {
    double exact = length * scale;
    return rounds
        ? new BigDecimal(exact).setScale(7, RoundingMode.HALF_EVEN).intValue()
        : (int) exact;
  }

  /** The image resized and padded to the best resolution, cut into tiles row by row. */
  List<Image> cut(Image image, Resampler resampler) {
    Image canvas = canvas(image, resampler);
    int across = canvas.width() / tile;
    return IntStream.range(0, across * (canvas.height() / tile))
        .mapToObj(i -> canvas.part(i % across * tile, i / across * tile, tile, tile))
        .toList();
  }

  /**
   * What the patches see that {@link #tiles} counts, side by side. Where patches don't fill a tile,
   * its right and lower edges are in none.
   */
  Image grid(Image image, Resampler resampler) {
    Image canvas = canvas(image, resampler);
    ImageLayout.Tiles tiles = tiles(new Resolution(image.height(), image.width()));
    int width = tiles.columns() * patch;
    int[] rgb = new int[tiles.rows() * patch * width];
    for (int i = 0; i < rgb.length; i++) {
      int x = place(tiles.left() * patch + i % width);
      int y = place(tiles.top() * patch + i / width);
      rgb[i] = canvas.rgb(x, y);
    }
    return new Image(width, tiles.rows() * patch, rgb);
  }

  /** From a place among patches side by side to one among tiles side by side. */
  private int place(int amongPatches) {
    int inTile = tile / patch * patch;
    return amongPatches / inTile * tile + amongPatches % inTile;
  }

  private Image canvas(Image image, Resampler resampler) {
    Resolution size = new Resolution(image.height(), image.width());
    Resolution canvas = best(size);
    Resolution fitted = fitted(size, canvas);
    Image resized =
        resampler.resize(
            image, fitted.width(), fitted.height(), 0, 0, fitted.width(), fitted.height());
    int left = (canvas.width() - fitted.width()) / 2;
    int top = (canvas.height() - fitted.height()) / 2;
    return resized.padded(canvas.width(), canvas.height(), left, top);
  }
}
