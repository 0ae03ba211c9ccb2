package org.pyramiddrop.loader;

import java.awt.image.BufferedImage;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/** A decoded image: 8-bit red, green and blue, upright. */
public final class Image {
  private final int width;
  private final int height;
  private final int[] rgb;

  /** Takes the array over; each element is 0xRRGGBB, row by row. */
  Image(int width, int height, int[] rgb) {
    this.width = width;
    this.height = height;
    this.rgb = rgb;
  }

  /**
   * Reads a PNG, JPEG or WebP file and turns it as its EXIF orientation says, within the
   * {@linkplain ImageLimits#defaults default limits}. Transparency is dropped, not blended, and
   * colour profiles are ignored, as the reference processor does. Lossy WebP may come out a little
   * different where strong colours meet: this decoder doesn't smooth between an image's coarser
   * colour samples. Of an animation it takes the first image.
   *
   * @throws ImageException if the file is missing, no such image, damaged, CMYK, 16-bit grey or
   *     over a limit, or memory doesn't suffice
   */
  public static Image read(Path file) {
    return read(file, ImageLimits.defaults());
  }

  /**
   * Reads a file as {@link #read(Path)} does, within other limits.
   *
   * @throws ImageException as {@link #read(Path)}
   */
  public static Image read(Path file, ImageLimits limits) {
    return ImageFileReader.read(file, limits);
  }

  /**
   * Reads the bytes of such a file.
   *
   * @param name what messages call the image
   * @throws ImageException as {@link #read(Path)}
   */
  public static Image read(byte[] file, String name, ImageLimits limits) {
    return ImageFileReader.read(file, name, limits);
  }

  /**
   * Reads such a file from a stream, to its end; the caller closes it.
   *
   * @param name what messages call the image
   * @throws ImageException as {@link #read(Path)}
   */
  public static Image read(InputStream stream, String name, ImageLimits limits) {
    return ImageFileReader.read(stream, name, limits);
  }

  /**
   * Reads such a file from a URI that holds it: {@code data:image/png;base64,…}. The media type is
   * not looked at, the data says what it is; spaces and line ends among the data are skipped.
   *
   * @throws ImageException as {@link #read(Path)}, or if it is no such URI
   */
  public static Image ofDataUri(String uri, ImageLimits limits) {
    return ImageFileReader.read(DataUri.bytes(uri, limits), DataUri.NAME, limits);
  }

  /** An image in memory; transparency is dropped, not blended. */
  public static Image of(BufferedImage image) {
    return PixelColours.image(image);
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
  public BufferedImage toBufferedImage() {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    image.setRGB(0, 0, width, height, rgb, 0, width);
    return image;
  }

  /** The colours row by row, for code of this package that only reads them. */
  int[] packed() {
    return rgb;
  }

  /** A part of it. */
  Image part(int left, int top, int partWidth, int partHeight) {
    int[] part = new int[partWidth * partHeight];
    for (int y = 0; y < partHeight; y++) {
      System.arraycopy(rgb, (top + y) * width + left, part, y * partWidth, partWidth);
    }
    return new Image(partWidth, partHeight, part);
  }

  /** It in a larger image that is black elsewhere. */
  Image padded(int fullWidth, int fullHeight, int left, int top) {
    return padded(fullWidth, fullHeight, left, top, 0);
  }

  /**
   * It in the middle of a square of one colour that is as long as its longer side, half a pixel
   * towards the start if it can't stand in the very middle.
   *
   * @throws IllegalArgumentException if the square has more pixels than an image may have
   */
  Image squared(int background) {
    if (width == height) {
      return this;
    }
    checkSquare();
    int side = Math.max(width, height);
    return padded(side, side, (side - width) / 2, (side - height) / 2, background);
  }

  /**
   * Refuses an image whose square would be too large.
   *
   * @throws IllegalArgumentException saying so
   */
  void checkSquare() {
    long side = Math.max(width, height);
    if (side * side > ImageLimits.REFERENCE_PIXELS) {
      throw new IllegalArgumentException(
          "an image of %d×%d pixels is too long for a model that pads images to squares"
              .formatted(width, height));
    }
  }

  private Image padded(int fullWidth, int fullHeight, int left, int top, int background) {
    int[] full = new int[fullWidth * fullHeight];
    if (background != 0) {
      Arrays.fill(full, background);
    }
    for (int y = 0; y < height; y++) {
      System.arraycopy(rgb, y * width, full, (top + y) * fullWidth + left, width);
    }
    return new Image(fullWidth, fullHeight, full);
  }
}
