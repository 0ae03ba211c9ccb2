package org.pyramiddrop.loader;

/**
 * Resizes 8-bit pictures exactly as Pillow does: a filter widened by the scale when shrinking,
 * weights in 22-bit fixed point, columns first, then rows, with a rounding to 8 bits between the
 * two.
 */
enum Resampler {
  /** A triangle: Pillow's filter 2. */
  BILINEAR(1.0),
  /** Keys' cubic convolution with a = -1/2: Pillow's filter 3. */
  BICUBIC(2.0);

  private static final int FRACTION_BITS = 22;
  private static final int HALF = 1 << (FRACTION_BITS - 1);

  private final double support;

  Resampler(double support) {
    this.support = support;
  }

  /** The filter's value at a distance from its middle, before widening. */
  private double at(double distance) {
    if (distance >= support) {
      return 0.0;
    }
    return switch (this) {
      case BILINEAR -> 1.0 - distance;
      case BICUBIC ->
          distance < 1.0
              ? (1.5 * distance - 2.5) * distance * distance + 1.0
              : (((distance - 5.0) * distance + 8.0) * distance - 4.0) * -0.5;
    };
  }

  /** Which inputs make one output, and how much of each. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Taps(int first, int[] weights) {}

  /**
   * The part of a resized picture that starts at ({@code left}, {@code top}) and has the given
   * size. The rest is never computed, so a very long picture costs no more than its middle.
   *
   * @param fullWidth columns of the whole resized picture
   * @param fullHeight rows of the whole resized picture
   */
  Picture resize(
      Picture picture, int fullWidth, int fullHeight, int left, int top, int width, int height) {
    Taps[] across = taps(picture.width(), fullWidth, left, width);
    Taps[] down = taps(picture.height(), fullHeight, top, height);
    int firstRow = down[0].first;
    int endRow = down[height - 1].first + down[height - 1].weights.length;

    int[] narrowed = new int[(endRow - firstRow) * width];
    for (int y = firstRow; y < endRow; y++) {
      for (int x = 0; x < width; x++) {
        int start = y * picture.width() + across[x].first;
        narrowed[(y - firstRow) * width + x] = weigh(picture.packed(), start, 1, across[x].weights);
      }
    }
    int[] resized = new int[height * width];
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int start = (down[y].first - firstRow) * width + x;
        resized[y * width + x] = weigh(narrowed, start, width, down[y].weights);
      }
    }
    return new Picture(width, height, resized);
  }

  private Taps[] taps(int inputs, int outputs, int first, int count) {
    double scale = (double) inputs / outputs;
    double widening = Math.max(scale, 1.0);
    double reach = support * widening;
    double shrink = 1.0 / widening;
    Taps[] taps = new Taps[count];
    for (int i = 0; i < count; i++) {
      double center = (first + i + 0.5) * scale;
      int low = Math.max((int) (center - reach + 0.5), 0);
      int high = Math.min((int) (center + reach + 0.5), inputs);
      double[] shares = new double[high - low];
      double sum = 0.0;
      for (int j = 0; j < shares.length; j++) {
        shares[j] = at(Math.abs((j + low - center + 0.5) * shrink));
        sum += shares[j];
      }
      int[] weights = new int[shares.length];
      for (int j = 0; j < shares.length; j++) {
        double weight = shares[j] * (1.0 / sum) * (1 << FRACTION_BITS);
        weights[j] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
      }
      taps[i] = new Taps(low, weights);
    }
    return taps;
  }

  private static int weigh(int[] pixels, int start, int step, int[] weights) {
    int red = HALF;
    int green = HALF;
    int blue = HALF;
    for (int j = 0, i = start; j < weights.length; j++, i += step) {
      int pixel = pixels[i];
      int weight = weights[j];
      red += (pixel >> 16) * weight;
      green += (pixel >> 8 & 0xFF) * weight;
      blue += (pixel & 0xFF) * weight;
    }
    return eightBits(red) << 16 | eightBits(green) << 8 | eightBits(blue);
  }

  private static int eightBits(int sum) {
    return Math.clamp(sum >> FRACTION_BITS, 0, 255);
  }
}
