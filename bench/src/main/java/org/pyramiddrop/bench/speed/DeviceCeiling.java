package org.pyramiddrop.bench.speed;

import org.pyramiddrop.bench.speed.DeviceScratch.Probe;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Tensor;

/** What a device's own speed is measured with: a large square product, a large copy, a read. */
public final class DeviceCeiling {
  /** Rows, inputs and outputs of the product; columns of what is copied. */
  public static final int SIDE = 8192;

  /** Rows that the copy reads and writes. */
  public static final int COPIED_ROWS = 65_536;

  private DeviceCeiling() {}

  public static Probe copy(DeviceScratch scratch, int rows, int columns) {
    Tensor from = scratch.random(rows, columns);
    Tensor to = scratch.empty(rows, columns);
    return new Probe(from, null, to, () -> scratch.kernels().copy(from, to));
  }

  /** A read of half as much as the copy moves either way: one row times a matrix. */
  public static Probe read(DeviceScratch scratch, int copiedRows, int columns) {
    return scratch.product(new Product(1, columns, copiedRows / 2), Activation.NONE);
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
