package org.pyramiddrop.loader;

import java.awt.image.BufferedImage;
import java.nio.file.Path;
import java.util.Objects;

/** A decoded picture: 8-bit red, green and blue, upright. */
public final class Picture {
  private final int width;
  private final int height;
  private final int[] rgb;

  /** Takes the array over; each element is 0xRRGGBB, row by row. */
  Picture(int width, int height, int[] rgb) {
    this.width = width;
    this.height = height;
    this.rgb = rgb;
  }

  /**
   * Reads a PNG, JPEG or WebP file and turns it as its EXIF orientation says. Transparency is
   * dropped, not blended, and colour profiles are ignored, as the reference processor does. Lossy
   * WebP may come out a little different where strong colours meet: this decoder doesn't smooth
   * between a picture's coarser colour samples.
   *
   * @throws PictureException if the file is missing, no such picture, damaged, CMYK, 16-bit grey or
   *     too large
   */
  public static Picture read(Path file) {
    return PictureReader.read(file);
  }

  /** A picture in memory; transparency is dropped, not blended. */
  public static Picture of(BufferedImage image) {
    return Samples.picture(image);
  }

  /** Columns. */
  public int width() {
    return width;
  }

  /** Rows. */
  public int height() {
    return height;
  }

  /** The colour at a column and a row, 0xRRGGBB. */
  public int rgb(int x, int y) {
    return rgb[Objects.checkIndex(y, height) * width + Objects.checkIndex(x, width)];
  }

  /** A copy to draw on. */
  public BufferedImage toImage() {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    image.setRGB(0, 0, width, height, rgb, 0, width);
    return image;
  }

  /** The colours row by row, for code of this package that only reads them. */
  int[] packed() {
    return rgb;
  }
}
