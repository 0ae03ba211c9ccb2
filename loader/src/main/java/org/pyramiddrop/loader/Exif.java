package org.pyramiddrop.loader;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Finds the one field of EXIF metadata that says how an image stands. */
final class Exif {
  private static final byte[] PREFIX = "Exif\0\0".getBytes(StandardCharsets.US_ASCII);
  private static final int FIELD_BYTES = 12;
  private static final int ORIENTATION = 0x0112;
  private static final int BYTE = 1;
  private static final int SHORT = 3;
  private static final int LONG = 4;

  private Exif() {}

  /** Whether metadata with its usual prefix starts here. */
  static boolean isAt(byte[] bytes, int from, int end) {
    if (end - from < PREFIX.length) {
      return false;
    }
    for (int i = 0; i < PREFIX.length; i++) {
      if (bytes[from + i] != PREFIX[i]) {
        return false;
      }
    }
    return true;
  }

  /**
   * The orientation that metadata between two places says, with or without its prefix. An image
   * whose metadata is damaged is still an image; it counts as having none.
   */
  static Orientation orientation(byte[] bytes, int from, int end) {
    int start = isAt(bytes, from, end) ? from + PREFIX.length : from;
    if (end - start < 8) {
      return Orientation.UPRIGHT;
    }
    ByteBuffer tiff = ByteBuffer.wrap(bytes, start, end - start).slice();
    boolean little = tiff.get(0) == 'I' && tiff.get(1) == 'I';
    boolean big = tiff.get(0) == 'M' && tiff.get(1) == 'M';
    tiff.order(little ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN);
    long directory = Integer.toUnsignedLong(tiff.getInt(4));
    if (!(little || big) || tiff.getShort(2) != 42 || directory + 2 > tiff.limit()) {
      return Orientation.UPRIGHT;
    }
    int at = (int) directory;
    int fields = tiff.getShort(at) & 0xFFFF;
    at += 2;
    for (int i = 0; i < fields && at + FIELD_BYTES <= tiff.limit(); i++, at += FIELD_BYTES) {
      if ((tiff.getShort(at) & 0xFFFF) == ORIENTATION && tiff.getInt(at + 4) == 1) {
        return Orientation.ofExif(value(tiff, at));
      }
    }
    return Orientation.UPRIGHT;
  }

  private static int value(ByteBuffer tiff, int field) {
    return switch (tiff.getShort(field + 2)) {
      case BYTE -> tiff.get(field + 8) & 0xFF;
      case SHORT -> tiff.getShort(field + 8) & 0xFFFF;
      case LONG -> tiff.getInt(field + 8);
      default -> 0;
    };
  }
}
