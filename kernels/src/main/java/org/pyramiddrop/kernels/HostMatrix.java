package org.pyramiddrop.kernels;

import java.lang.foreign.MemorySegment;

/**
 * A matrix in host memory, little-endian and row-major, on its way to a device.
 *
 * @param dtype how the numbers are stored
 * @param data exactly {@code rows × columns} numbers, at any alignment; for a type in blocks, the
 *     planes that {@link Blocks} describes
 * @param rows the number of rows
 * @param columns the number of columns
 */
public record HostMatrix(DType dtype, MemorySegment data, int rows, int columns) {
  /** Refuses data whose size is not that of the matrix. */
  public HostMatrix {
    if (rows < 1 || columns < 1 || data.byteSize() != dtype.bytes(rows, columns)) {
      throw new IllegalArgumentException(
          "a %d × %d matrix of %s can't have %d bytes"
              .formatted(rows, columns, dtype, data.byteSize()));
    }
  }
}
