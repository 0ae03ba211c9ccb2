package org.pyramiddrop.bench.speed;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** What a device's own speed is measured with: a large square product, a large copy, a read. */
public final class DeviceCeiling {
  /** Rows, inputs and outputs of the product; columns of what is copied. */
  public static final int SIDE = 8192;

  /** Rows that the copy reads and writes. */
  public static final int COPIED_ROWS = 65_536;

  private DeviceCeiling() {}

  /** Work on random numbers. */
  public record Probe(Tensor in, @Nullable Weight weight, Tensor out, Runnable run) {}

  /** A product whose operands are as long as they are wide. */
  public static Probe product(Kernels kernels, DeviceScratch scratch, int side) {
    return linear(kernels, scratch, side, side, side);
  }

  public static Probe copy(Kernels kernels, DeviceScratch scratch, int rows, int columns) {
    Tensor from = scratch.random(rows, columns);
    Tensor to = scratch.empty(rows, columns);
    return new Probe(from, null, to, () -> kernels.copy(from, to));
  }

  /** A read of half as much as the copy moves either way: one row times a matrix. */
  public static Probe read(Kernels kernels, DeviceScratch scratch, int copiedRows, int columns) {
    return linear(kernels, scratch, 1, columns, copiedRows / 2);
  }

  private static Probe linear(
      Kernels kernels, DeviceScratch scratch, int tokens, int inputs, int outputs) {
    Tensor x = scratch.random(tokens, inputs);
    Weight w = scratch.weight(outputs, inputs);
    Tensor out = scratch.empty(tokens, outputs);
    return new Probe(x, w, out, () -> kernels.linear(x, w, null, Activation.NONE, out));
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
