package org.pyramiddrop.loader;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.zip.CRC32;
import java.util.zip.Deflater;

/** Writes PNG files for tests, chunk by chunk. */
final class PngBytes {
  private final ByteArrayOutputStream file = new ByteArrayOutputStream();

  PngBytes(int width, int height, int bitDepth, int colourType) {
    file.writeBytes("\u0089PNG\r\n\u001a\n".getBytes(ISO_8859_1));
    byte[] header =
        ByteBuffer.allocate(13)
            .putInt(width)
            .putInt(height)
            .put((byte) bitDepth)
            .put((byte) colourType)
            .array();
    chunk("IHDR", header);
  }

  PngBytes chunk(String type, byte[] data) {
    byte[] name = type.getBytes(ISO_8859_1);
    CRC32 sum = new CRC32();
    sum.update(name);
    sum.update(data);
    file.writeBytes(ByteBuffer.allocate(4).putInt(data.length).array());
    file.writeBytes(name);
    file.writeBytes(data);
    file.writeBytes(ByteBuffer.allocate(4).putInt((int) sum.getValue()).array());
    return this;
  }

  byte[] end() {
    return chunk("IEND", new byte[0]).file.toByteArray();
  }

  /** Zeros, compressed. */
  static byte[] zeros(long count) {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    byte[] zeros = new byte[1 << 16];
    byte[] part = new byte[1 << 16];
    try (Deflater deflater = new Deflater(Deflater.BEST_SPEED)) {
      long left = count;
      while (!deflater.finished()) {
        if (deflater.needsInput() && left > 0) {
          int next = (int) Math.min(left, zeros.length);
          deflater.setInput(zeros, 0, next);
          left -= next;
        }
        if (left == 0) {
          deflater.finish();
        }
        packed.write(part, 0, deflater.deflate(part));
      }
    }
    return packed.toByteArray();
  }
}
