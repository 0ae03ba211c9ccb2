package org.pyramiddrop.loader;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Takes colour profiles out of picture files. The decoders would convert colours by them, the
 * reference processor takes colours as they are.
 */
final class ColourProfiles {
  private static final int APP2 = 0xE2;
  private static final int START_OF_SCAN = 0xDA;
  private static final byte[] NAME = "ICC_PROFILE\0".getBytes(StandardCharsets.ISO_8859_1);

  private ColourProfiles() {}

  /**
   * The same file without profile segments. What isn't laid out in segments is left as it is, for
   * the decoder.
   */
  static byte[] removedFromJpeg(byte[] jpeg) {
    ByteArrayOutputStream kept = new ByteArrayOutputStream(jpeg.length);
    int at = 2;
    kept.write(jpeg, 0, at);
    while (at + 4 <= jpeg.length && (jpeg[at] & 0xFF) == 0xFF) {
      int marker = jpeg[at + 1] & 0xFF;
      int end = at + 2 + (((jpeg[at + 2] & 0xFF) << 8) | (jpeg[at + 3] & 0xFF));
      if (marker == START_OF_SCAN || marker == 0xFF || end > jpeg.length || end < at + 4) {
        break;
      }
      if (marker != APP2 || !isProfile(jpeg, at + 4, end)) {
        kept.write(jpeg, at, end - at);
      }
      at = end;
    }
    kept.write(jpeg, at, jpeg.length - at);
    return kept.toByteArray();
  }

  /** Renames the profile chunk of a WebP file, in place, to a name that decoders skip. */
  static void hideInWebp(byte[] webp) {
    ByteBuffer chunks = ByteBuffer.wrap(webp).order(ByteOrder.LITTLE_ENDIAN);
    long at = 12;
    while (at + 8 <= webp.length) {
      int start = (int) at;
      if (webp[start] == 'I'
          && webp[start + 1] == 'C'
          && webp[start + 2] == 'C'
          && webp[start + 3] == 'P') {
        webp[start] = '-';
      }
      long size = Integer.toUnsignedLong(chunks.getInt(start + 4));
      at += 8 + size + size % 2;
    }
  }

  private static boolean isProfile(byte[] jpeg, int from, int end) {
    if (end - from < NAME.length) {
      return false;
    }
    for (int i = 0; i < NAME.length; i++) {
      if (jpeg[from + i] != NAME[i]) {
        return false;
      }
    }
    return true;
  }
}
