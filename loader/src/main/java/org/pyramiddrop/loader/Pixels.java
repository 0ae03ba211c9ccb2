package org.pyramiddrop.loader;

/**
 * An image as the vision tower takes it.
 *
 * @param channels colour channels, red first
 * @param height rows
 * @param width columns
 * @param values normalised values in the order channel, row, column; not copied
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Pixels(int channels, int height, int width, float[] values) {
  /** Checks the number of values. */
  public Pixels {
    if (values.length != Math.multiplyExact(Math.multiplyExact(channels, height), width)) {
      throw new IllegalArgumentException(
          values.length + " values can't fill " + channels + "×" + height + "×" + width);
    }
  }
}
