package org.pyramiddrop.loader;

/**
 * How a stored image has to be turned to stand upright: the eight values of EXIF's orientation tag,
 * in order.
 */
enum Orientation {
  UPRIGHT(false),
  MIRRORED(false),
  UPSIDE_DOWN(false),
  FLIPPED(false),
  TRANSPOSED(true),
  TURNED_LEFT(true),
  TRANSVERSED(true),
  TURNED_RIGHT(true);

  private final boolean sideways;

  Orientation(boolean sideways) {
    this.sideways = sideways;
  }

  /** The orientation with this number, 1 to 8; any other number means upright. */
  static Orientation ofExif(int value) {
    return value >= 1 && value <= values().length ? values()[value - 1] : UPRIGHT;
  }

  static Image upright(Image stored, Orientation orientation) {
    if (orientation == UPRIGHT) {
      return stored;
    }
    int width = orientation.sideways ? stored.height() : stored.width();
    int height = orientation.sideways ? stored.width() : stored.height();
    int[] rgb = new int[width * height];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int right = width - 1 - x;
        int down = height - 1 - y;
        rgb[y * width + x] =
            switch (orientation) {
              case UPRIGHT -> stored.rgb(x, y);
              case MIRRORED -> stored.rgb(right, y);
              case UPSIDE_DOWN -> stored.rgb(right, down);
              case FLIPPED -> stored.rgb(x, down);
              case TRANSPOSED -> stored.rgb(y, x);
              case TURNED_LEFT -> stored.rgb(y, right);
              case TRANSVERSED -> stored.rgb(down, right);
              case TURNED_RIGHT -> stored.rgb(down, x);
            };
      }
    }
    return new Image(width, height, rgb);
  }
}
