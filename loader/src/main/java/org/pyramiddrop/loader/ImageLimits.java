package org.pyramiddrop.loader;

import java.io.Serializable;
import java.time.Duration;

/**
 * What an image may cost, so that no file can take the memory or the time that others need. An
 * image's size is looked at before a pixel is decoded. While one is read it takes up to twice
 * {@code maxBytes} for its file and up to 12 bytes a pixel (16-bit colours with transparency; 8-bit
 * colours take 7, a progressive JPEG 6 more, outside Java's heap), afterwards 4 bytes a pixel. A
 * decoder that takes more than twice that and 32 MiB of Java's heap on the way is stopped.
 *
 * @param maxBytes the longest file, in bytes
 * @param maxPixels the most pixels, width times height
 * @param maxScans the most scans of a JPEG; encoders write one to about twenty, and each goes over
 *     the whole image
 * @param maxTime how long decoding may take, looked at when a decoder asks for more of the file
 */
public record ImageLimits(long maxBytes, long maxPixels, int maxScans, Duration maxTime)
    implements Serializable {
  /** The size at which the reference's image library takes a file for an attack. */
  static final long REFERENCE_PIXELS = 2L * 89_478_485;

  /** The largest file that fits an array. */
  private static final long MOST_BYTES = Integer.MAX_VALUE - 8;

  /**
   * Checks the limits.
   *
   * @throws IllegalArgumentException if one isn't positive, {@code maxBytes} is 2³¹ − 8 or more, or
   *     {@code maxPixels} more than the default
   */
  public ImageLimits {
    if (maxBytes < 1 || maxBytes >= MOST_BYTES) {
      throw new IllegalArgumentException(
          "an image's file may have 1 to " + (MOST_BYTES - 1) + " bytes, not " + maxBytes);
    }
    if (maxPixels < 1 || maxPixels > REFERENCE_PIXELS) {
      throw new IllegalArgumentException(
          "an image may have 1 to " + REFERENCE_PIXELS + " pixels, not " + maxPixels);
    }
    if (maxScans < 1) {
      throw new IllegalArgumentException("an image may have 1 scan or more, not " + maxScans);
    }
    if (!maxTime.isPositive()) {
      throw new IllegalArgumentException(
          "decoding an image must be given some time, not " + maxTime);
    }
  }

  /**
   * 256 MiB, 178,956,970 pixels (where the reference's image library takes a file for an attack),
   * 100 scans, 60 seconds.
   */
  public static ImageLimits defaults() {
    return new ImageLimits(256L << 20, REFERENCE_PIXELS, 100, Duration.ofSeconds(60));
  }
}
