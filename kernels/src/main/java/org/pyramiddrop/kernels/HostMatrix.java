package org.pyramiddrop.kernels;

import java.lang.foreign.MemorySegment;

/**
 * A matrix in host memory, little-endian and row-major, on its way to a device.
 *
 * @param dtype how the numbers are stored
 * @param data exactly {@code rows × columns} numbers, at any alignment
 * @param rows the number of rows
 * @param columns the number of columns
 */
public record HostMatrix(DType dtype, MemorySegment data, int rows, int columns) {
  /** Refuses data whose size is not that of the matrix. */
  public HostMatrix {
    long bytes = Math.multiplyExact(Math.multiplyExact((long) rows, columns), dtype.bytes());
    if (rows < 1 || columns < 1 || data.byteSize() != bytes) {
      throw new IllegalArgumentException(
          "a %d × %d matrix of %s takes %d bytes, not %d"
              .formatted(rows, columns, dtype, bytes, data.byteSize()));
    }
  }
}
