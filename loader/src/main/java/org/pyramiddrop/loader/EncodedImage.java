package org.pyramiddrop.loader;

/**
 * What an image's file says of itself before a pixel is decoded.
 *
 * @param format what its decoder is called
 * @param width columns as stored
 * @param height rows as stored
 * @param orientation how it has to be turned once it is decoded
 * @param file a file of the same pixels that holds only what the decoder needs: no text, no
 *     profiles, by which decoders would convert colours, and no metadata, which may unpack to any
 *     size; not copied
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record EncodedImage(String format, long width, long height, Orientation orientation, byte[] file) {

  /** Refuses what is larger than allowed, or can't be in a file as short as this. */
  void check(String name, ImageLimits limits) {
    if (width < 1 || height < 1) {
      throw new ImageException(name, "is damaged: it has no pixels", null);
    }
    // Both sides have at most 32 bits.
    if (height > limits.maxPixels() / width) {
      throw new ImageException(
          name,
          "has %d×%d pixels, more than the %d that are read"
              .formatted(width, height, limits.maxPixels()),
          null);
    }
  }
}
