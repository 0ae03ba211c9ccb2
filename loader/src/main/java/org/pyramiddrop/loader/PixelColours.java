package org.pyramiddrop.loader;

import java.awt.image.BufferedImage;
import java.awt.image.ComponentColorModel;
import java.awt.image.DataBuffer;
import java.awt.image.IndexColorModel;
import java.awt.image.Raster;

/**
 * Takes colours out of a decoded image as they were stored. {@link BufferedImage#getRGB} would
 * convert grey values and images with a colour profile into sRGB, which the reference processor
 * does not.
 */
final class PixelColours {
  private PixelColours() {}

  static Image image(BufferedImage image) {
    int width = image.getWidth();
    int height = image.getHeight();
    int[] rgb;
    if (image.getColorModel() instanceof IndexColorModel palette) {
      rgb = indexed(image.getRaster(), palette);
    } else if (image.getColorModel() instanceof ComponentColorModel model && isPlain(model)) {
      rgb = components(image.getRaster(), model);
    } else {
      rgb = image.getRGB(0, 0, width, height, null, 0, width);
      for (int i = 0; i < rgb.length; i++) {
        rgb[i] &= 0xFFFFFF;
      }
    }
    return new Image(width, height, rgb);
  }

  /**
   * Whether the samples are grey or red, green, blue, in 8 or 16 bits, not multiplied by their
   * alpha.
   */
  private static boolean isPlain(ComponentColorModel model) {
    int colours = model.getNumColorComponents();
    int type = model.getTransferType();
    return (colours == 1 || colours == 3)
        && (type == DataBuffer.TYPE_BYTE || type == DataBuffer.TYPE_USHORT)
        && !model.isAlphaPremultiplied();
  }

  private static int[] indexed(Raster raster, IndexColorModel palette) {
    int[] colours = new int[palette.getMapSize()];
    palette.getRGBs(colours);
    int width = raster.getWidth();
    int[] rgb = raster.getSamples(0, 0, width, raster.getHeight(), 0, (int[]) null);
    for (int i = 0; i < rgb.length; i++) {
      // An index past the palette is black, as in the reference.
      rgb[i] = rgb[i] < colours.length ? colours[rgb[i]] & 0xFFFFFF : 0;
    }
    return rgb;
  }

  private static int[] components(Raster raster, ComponentColorModel model) {
    int width = raster.getWidth();
    int height = raster.getHeight();
    int bands = raster.getNumBands();
    int shift = model.getTransferType() == DataBuffer.TYPE_USHORT ? 8 : 0;
    boolean grey = model.getNumColorComponents() == 1;
    int[] rgb = new int[width * height];
    int[] row = new int[width * bands];
    for (int y = 0; y < height; y++) {
      raster.getPixels(0, y, width, 1, row);
      for (int x = 0, i = 0; x < width; x++, i += bands) {
        int red = row[i] >> shift;
        int green = grey ? red : row[i + 1] >> shift;
        int blue = grey ? red : row[i + 2] >> shift;
        rgb[y * width + x] = red << 16 | green << 8 | blue;
      }
    }
    return rgb;
  }
}
