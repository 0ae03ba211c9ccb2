package org.pyramiddrop.loader;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Reads the chunks of a PNG file without unpacking any. */
final class PngFile {
  private static final int SIGNATURE = 8;

  /** Length and name before a chunk's data, a checksum behind it. */
  private static final int AROUND = 12;

  private static final int HEADER = 13;

  private static final byte[] END = {0, 0, 0, 0, 'I', 'E', 'N', 'D', (byte) 0xAE, 0x42, 0x60, -126};

  /** The format's compression makes no more of a byte. */
  private static final long MOST_BYTES_OF_ONE = 1032;

  private PngFile() {}

  static EncodedImage read(String name, byte[] bytes, ImageLimits limits) {
    ByteBuffer file = ByteBuffer.wrap(bytes);
    FileParts kept = new FileParts(bytes);
    kept.keep(0, SIGNATURE);
    Orientation orientation = Orientation.UPRIGHT;
    String before = "";
    boolean ended = false;
    long packed = 0;
    int at = SIGNATURE;
    while (!ended && at + AROUND <= bytes.length) {
      long length = Integer.toUnsignedLong(file.getInt(at));
      String type = new String(bytes, at + 4, 4, StandardCharsets.ISO_8859_1);
      if (length > bytes.length - at - AROUND) {
        throw truncated(name);
      }
      if (before.isEmpty() && !(type.equals("IHDR") && length == HEADER)) {
        throw new ImageException(name, "is damaged: its header isn't its first chunk", null);
      }
      int end = at + AROUND + (int) length;
      switch (type) {
        case "IHDR", "PLTE" -> kept.keep(at, end);
        case "IDAT" -> {
          if (packed > 0 && !before.equals("IDAT")) {
            throw new ImageException(
                name, "is damaged: other chunks stand between its pixels", null);
          }
          packed += length;
          kept.keep(at, end);
        }
        case "eXIf" -> orientation = Exif.orientation(bytes, at + 8, end - 4);
        case "IEND" -> ended = true;
        default -> {
          // Nothing that a pixel's colour depends on.
        }
      }
      before = type;
      at = end;
    }
    if (packed == 0) {
      throw truncated(name);
    }
    EncodedImage image =
        new EncodedImage(
            "png",
            Integer.toUnsignedLong(file.getInt(16)),
            Integer.toUnsignedLong(file.getInt(20)),
            orientation,
            kept.between(new byte[0], END));
    image.check(name, limits);
    checkPacked(name, image, file.get(24), file.get(25), packed);
    return image;
  }

  private static void checkPacked(
      String name, EncodedImage image, int bitDepth, int colourType, long packed) {
    int samples =
        switch (colourType) {
          case 0, 3 -> 1;
          case 2 -> 3;
          case 4 -> 2;
          case 6 -> 4;
          default ->
              throw new ImageException(
                  name, "is damaged: there is no colour type " + colourType, null);
        };
    if (colourType == 0 && bitDepth == 16) {
      throw new ImageException(
          name, "is a 16-bit grey PNG, which isn't supported; save it with 8 bits", null);
    }
    long unpacked = image.height() * ((image.width() * samples * bitDepth + 7) / 8);
    if (unpacked > MOST_BYTES_OF_ONE * (packed + 1)) {
      throw new ImageException(
          name,
          "is damaged: %d bytes can't hold its %d×%d pixels"
              .formatted(packed, image.width(), image.height()),
          null);
    }
  }

  private static ImageException truncated(String name) {
    return new ImageException(name, "is truncated: a chunk of it is missing", null);
  }
}
