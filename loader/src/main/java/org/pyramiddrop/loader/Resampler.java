package org.pyramiddrop.loader;

/**
 * Resizes 8-bit images exactly as Pillow does: a filter widened by the scale when shrinking,
 * weights in 22-bit fixed point, columns first, then rows (of a very tall image rows first), with a
 * rounding to 8 bits between the two.
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

  /** Weights that are held at a time; a long image's take more memory than the image. */
  private static final int WEIGHTS_AT_A_TIME = 1 << 20;

  /** Which inputs make one output, and how much of each. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Taps(int first, int[] weights) {}

  /**
   * Some outputs of a resized row or column.
   *
   * @param inputs how long it is
   * @param outputs how long it becomes
   * @param from the first output wanted
   * @param count how many are wanted
   */
  private record Side(int inputs, int outputs, int from, int count) {
    double scale() {
      return (double) inputs / outputs;
    }

    double widening() {
      return Math.max(scale(), 1.0);
    }

    double centre(int output) {
      return (from + output + 0.5) * scale();
    }
  }

  private int low(Side side, int output) {
    return Math.max((int) (side.centre(output) - support * side.widening() + 0.5), 0);
  }

  private int high(Side side, int output) {
    return Math.min((int) (side.centre(output) + support * side.widening() + 0.5), side.inputs);
  }

  /**
   * The part of a resized image that starts at ({@code left}, {@code top}) and has the given size.
   * The rest is never computed, so a very long image costs no more than its middle.
   *
   * @param fullWidth columns of the whole resized image
   * @param fullHeight rows of the whole resized image
   */
  Image resize(
      Image image, int fullWidth, int fullHeight, int left, int top, int width, int height) {
    Side across = new Side(image.width(), fullWidth, left, width);
    Side down = new Side(image.height(), fullHeight, top, height);
    int firstColumn = low(across, 0);
    int columns = high(across, width - 1) - firstColumn;
    int firstRow = low(down, 0);
    int rows = high(down, height - 1) - firstRow;
    // Pillow takes the rows of a very tall image first, and rounding in between shows the order.
    if (image.height() > 100L * image.width() && fullHeight < image.height()) {
      return narrow(lower(image, down, 0, firstColumn, columns), across, firstColumn, 0, height);
    }
    return lower(narrow(image, across, 0, firstRow, rows), down, firstRow, 0, width);
  }

  /**
   * Resizes along rows.
   *
   * @param skipped columns that the image lacks at its start
   * @param top the first row to take
   */
  private Image narrow(Image image, Side side, int skipped, int top, int rows) {
    int[] made = new int[Math.multiplyExact(rows, side.count)];
    int mostTaps = (int) Math.min(side.inputs, 2 * support * side.widening() + 2);
    int atATime = Math.max(1, WEIGHTS_AT_A_TIME / mostTaps);
    for (int from = 0; from < side.count; from += atATime) {
      Taps[] taps = new Taps[Math.min(atATime, side.count - from)];
      for (int i = 0; i < taps.length; i++) {
        taps[i] = taps(side, from + i);
      }
      for (int y = 0; y < rows; y++) {
        int row = (top + y) * image.width() - skipped;
        for (int i = 0; i < taps.length; i++) {
          made[y * side.count + from + i] =
              weigh(image.packed(), row + taps[i].first, 1, taps[i].weights);
        }
      }
    }
    return new Image(side.count, rows, made);
  }

  /**
   * Resizes along columns.
   *
   * @param skipped rows that the image lacks at its start
   * @param left the first column to take
   */
  private Image lower(Image image, Side side, int skipped, int left, int columns) {
    int[] made = new int[Math.multiplyExact(side.count, columns)];
    for (int y = 0; y < side.count; y++) {
      Taps taps = taps(side, y);
      int start = (taps.first - skipped) * image.width() + left;
      for (int x = 0; x < columns; x++) {
        made[y * columns + x] = weigh(image.packed(), start + x, image.width(), taps.weights);
      }
    }
    return new Image(columns, side.count, made);
  }

  private Taps taps(Side side, int output) {
    double shrink = 1.0 / side.widening();
    double centre = side.centre(output);
    int low = low(side, output);
    double[] shares = new double[high(side, output) - low];
    double sum = 0.0;
    for (int j = 0; j < shares.length; j++) {
      shares[j] = at(Math.abs((j + low - centre + 0.5) * shrink));
      sum += shares[j];
    }
    int[] weights = new int[shares.length];
    for (int j = 0; j < shares.length; j++) {
      double weight = shares[j] * (1.0 / sum) * (1 << FRACTION_BITS);
      weights[j] = (int) (weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    return new Taps(low, weights);
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
