package org.pyramiddrop.loader;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes safetensors files for tests, well-formed or not. */
final class SafetensorsBytes {
  private SafetensorsBytes() {}

  /** A file of this header, under its true length, and this data. */
  static byte[] of(String header, byte... data) {
    return of(header.getBytes(StandardCharsets.UTF_8), data);
  }

  static byte[] of(byte[] header, byte... data) {
    return withLength(header.length, header, data);
  }

  /** A file whose first 8 bytes claim this header length. */
  static byte[] withLength(long length, byte[] header, byte... data) {
    return ByteBuffer.allocate(8 + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(header)
        .put(data)
        .array();
  }

  /** One header entry, without braces around it. */
  static String entry(String name, String type, String shape, long begin, long end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, type, shape, begin, end);
  }

  static Path write(Path file, byte[] bytes) {
    try {
      return Files.write(file, bytes);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file with one float tensor of two elements. */
  static void writeFloats(Path file, String name, float first, float second) {
    byte[] data =
        ByteBuffer.allocate(8)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putFloat(first)
            .putFloat(second)
            .array();
    write(file, of("{" + entry(name, "F32", "[2]", 0, 8) + "}", data));
  }
}
