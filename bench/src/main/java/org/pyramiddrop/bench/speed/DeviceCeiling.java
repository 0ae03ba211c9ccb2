package org.pyramiddrop.bench.speed;

import org.pyramiddrop.bench.speed.DeviceScratch.Probe;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Tensor;

/** What a device's own speed is measured with: a large square product, copy and read. */
public final class DeviceCeiling {
  /** Rows, inputs and outputs of the product; columns of what is copied. */
  public static final int SIDE = 8192;

  /** Rows that the copy reads and writes. */
  public static final int COPIED_ROWS = 65_536;

  /** Bytes a number of the read; an H100 read fastest where no thread reads twice. */
  private static final int READ_BY_A_BLOCK = 1 << 14;

  private DeviceCeiling() {}

  public static Probe copy(DeviceScratch scratch, int rows, int columns) {
    Tensor from = scratch.random(rows, columns);
    Tensor to = scratch.empty(rows, columns);
    return new Probe(from, null, to, () -> scratch.kernels().copy(from, to));
  }

  /** A read of as much as the copy reads, and of nothing else. */
  public static Runnable read(DeviceScratch scratch, int rows, int columns) {
    Tensor from = scratch.random(rows, columns);
    long bytes = (long) rows * columns * from.dtype().bytes();
    Indices sums = scratch.indices((int) Math.max(1, bytes / READ_BY_A_BLOCK));
    return () -> scratch.kernels().checksums(from, sums);
  }

  /**
   * Bytes that the copy reads and writes.
   *
   * @param bytes of one number
   */
  public static double copiedBytes(int rows, int columns, int bytes) {
    return 2.0 * rows * columns * bytes;
  }
}
