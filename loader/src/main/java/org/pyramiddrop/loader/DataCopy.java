package org.pyramiddrop.loader;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** Reads a file's data into native memory. */
final class DataCopy {
  /** A buffer of Java's reaches 2 GiB at most. */
  private static final long PIECE_BYTES = 1L << 30;

  private static final long ALIGNMENT = 64;

  private DataCopy() {}

  /**
   * The data part of a file, in memory that the arena owns.
   *
   * @throws CheckpointException if the file ends before its data does, or there isn't memory enough
   */
  static MemorySegment read(Path file, FileChannel channel, SafetensorsHeader header, Arena arena)
      throws IOException {
    MemorySegment data = allocate(file, header.dataSize(), arena);
    fill(file, channel, header.dataOffset(), data, PIECE_BYTES);
    return data.asReadOnly();
  }

  private static MemorySegment allocate(Path file, long bytes, Arena arena) {
    try {
      return HugePages.allocator(arena).allocate(bytes, ALIGNMENT);
    } catch (OutOfMemoryError e) {
      throw new CheckpointException(
          file,
          "not enough memory for a copy of its "
              + bytes
              + " bytes; give Java more (-XX:MaxDirectMemorySize=SIZE), or load it without a copy",
          e);
    }
  }

  /**
   * Fills memory with what a file holds from some byte on.
   *
   * @param piece bytes that are read at once, at most 2^31 - 1
   */
  static void fill(Path file, FileChannel channel, long offset, MemorySegment data, long piece)
      throws IOException {
    long done = 0;
    while (done < data.byteSize()) {
      ByteBuffer next = data.asSlice(done, Math.min(piece, data.byteSize() - done)).asByteBuffer();
      int read = channel.read(next, offset + done);
      if (read < 0) {
        throw new CheckpointException(
            file,
            "it was cut short while it was read: %d of %d bytes of data are there"
                .formatted(done, data.byteSize()));
      }
      done += read;
    }
  }
}
