package org.pyramiddrop.loader;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Takes the colour profile out of a JPEG. Java's decoder would convert the colours by it, the reference processor takes
 * them as they are.
 */
final class JpegProfiles {
  private static final int APP2 = 0xE2;
  private static final int START_OF_SCAN = 0xDA;
  private static final byte[] NAME = "ICC_PROFILE\0".getBytes(StandardCharsets.ISO_8859_1);

  private JpegProfiles() {}

  /** The same file without profile segments. What isn't laid out in segments is left as it is, for the decoder. */
  static byte[] removed(byte[] jpeg) {
    ByteArrayOutputStream kept = new ByteArrayOutputStream(jpeg.length);
    int at = 2;
    kept.write(jpeg, 0, at);
    while (at + 4 <= jpeg.length && (jpeg[at] & 0xFF) == 0xFF) {
      int marker = jpeg[at + 1] & 0xFF;
      int end = at + 2 + ((jpeg[at + 2] & 0xFF) << 8 | jpeg[at + 3] & 0xFF);
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
