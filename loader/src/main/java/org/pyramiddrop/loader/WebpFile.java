package org.pyramiddrop.loader;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Reads the chunks of a WebP file: one image, or the first of an animation. */
final class WebpFile {
  private static final int RIFF_HEADER = 12;
  private static final int CHUNK_HEADER = 8;
  private static final int FRAME_HEADER = 16;

  private final String name;
  private final byte[] bytes;
  private final ByteBuffer file;
  private @Nullable Bitmap bitmap;
  private long canvasWidth;
  private long canvasHeight;
  private Orientation orientation = Orientation.UPRIGHT;

  /** A chunk with pixels: where it starts, where its data ends, and its size in pixels. */
  private record Bitmap(int start, int end, long width, long height) {}

  private WebpFile(String name, byte[] bytes) {
    this.name = name;
    this.bytes = bytes;
    this.file = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static EncodedImage read(String name, byte[] bytes, ImageLimits limits) {
    return new WebpFile(name, bytes).read(limits);
  }

  private EncodedImage read(ImageLimits limits) {
    // The decoder takes missing bytes for zeros.
    long claimed = 8 + Integer.toUnsignedLong(file.getInt(4));
    if (bytes.length < claimed) {
      throw new ImageException(
          name, "is truncated: it claims " + claimed + " bytes and has " + bytes.length, null);
    }
    readChunks(RIFF_HEADER, (int) claimed);
    if (bitmap == null) {
      throw damaged("it holds no pixels");
    }
    if (canvasWidth == 0) {
      canvasWidth = bitmap.width;
      canvasHeight = bitmap.height;
    }
    EncodedImage image =
        new EncodedImage("webp", canvasWidth, canvasHeight, orientation, alone(bitmap));
    image.check(name, limits);
    if (bitmap.width != canvasWidth || bitmap.height != canvasHeight) {
      throw damaged(
          "its canvas has %d×%d pixels, what is on it %d×%d"
              .formatted(canvasWidth, canvasHeight, bitmap.width, bitmap.height));
    }
    return image;
  }

  private void readChunks(int from, int end) {
    long at = from;
    while (at + CHUNK_HEADER <= end) {
      int data = (int) at + CHUNK_HEADER;
      long size = Integer.toUnsignedLong(file.getInt(data - 4));
      if (size > end - data) {
        throw new ImageException(name, "is truncated: a chunk of it is missing", null);
      }
      readChunk((int) at, data, data + (int) size);
      at = data + size + size % 2;
    }
  }

  private void readChunk(int start, int data, int end) {
    switch (new String(bytes, start, 4, StandardCharsets.ISO_8859_1)) {
      case "VP8X" -> {
        if (end - data < 10) {
          throw damaged("its header is too short");
        }
        canvasWidth = 1L + threeBytes(data + 4);
        canvasHeight = 1L + threeBytes(data + 7);
      }
      case "VP8 " -> lossy(start, data, end);
      case "VP8L" -> lossless(start, data, end);
      case "ANMF" -> {
        if (end - data < FRAME_HEADER) {
          throw damaged("a frame is too short");
        }
        if (bitmap == null) {
          readChunks(data + FRAME_HEADER, end);
        }
      }
      case "EXIF" -> orientation = Exif.orientation(bytes, data, end);
      default -> {
        // Transparency, which is dropped, and what no colour depends on.
      }
    }
  }

  private void lossy(int start, int data, int end) {
    boolean keyFrame =
        end - data >= 10 && (bytes[data] & 1) == 0 && threeBytes(data + 3) == 0x2A019D;
    if (!keyFrame) {
      throw damaged("its pixels don't start as they must");
    }
    keepFirst(
        new Bitmap(start, end, file.getShort(data + 6) & 0x3FFF, file.getShort(data + 8) & 0x3FFF));
  }

  private void lossless(int start, int data, int end) {
    if (end - data < 5 || bytes[data] != 0x2F) {
      throw damaged("its pixels don't start as they must");
    }
    int sides = file.getInt(data + 1);
    keepFirst(new Bitmap(start, end, 1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)));
  }

  private void keepFirst(Bitmap found) {
    if (bitmap == null) {
      bitmap = found;
    }
  }

  /** A file with the pixels' chunk and nothing else. */
  private byte[] alone(Bitmap pixels) {
    int length = pixels.end - pixels.start;
    ByteBuffer made =
        ByteBuffer.allocate(RIFF_HEADER + length + length % 2).order(ByteOrder.LITTLE_ENDIAN);
    made.put(bytes, 0, RIFF_HEADER).put(bytes, pixels.start, length);
    return made.putInt(4, made.capacity() - CHUNK_HEADER).array();
  }

  private int threeBytes(int at) {
    return (file.getShort(at) & 0xFFFF) | (bytes[at + 2] & 0xFF) << 16;
  }

  private ImageException damaged(String how) {
    return new ImageException(name, "is damaged: " + how, null);
  }
}
