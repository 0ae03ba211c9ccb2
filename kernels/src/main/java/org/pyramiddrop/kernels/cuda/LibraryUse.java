package org.pyramiddrop.kernels.cuda;

import java.util.function.BooleanSupplier;
import org.pyramiddrop.kernels.DType;

/**
 * What cuBLASLt may do besides products of the device's element type.
 *
 * @param adds whether it may add a product to an out of two-byte numbers
 * @param float8 whether it multiplies eight-bit floats, each row of x and w with a scale; asked
 *     only where there are some
 */
record LibraryUse(boolean adds, BooleanSupplier float8) {
  /**
   * Up to so many rows stay as they are: a decode step of a batch gives each what it gets alone.
   */
  static final int EXACT_ROWS = 16;

  /** What it wants the rows of a matrix of eight-bit floats to be a multiple of. */
  private static final int ROWS = 16;

  /** What it wants scales to begin at, in bytes. */
  private static final int ALIGNMENT = 16;

  /** Whether a product of so many rows by a matrix quantises them, for cuBLASLt to multiply. */
  boolean quantizes(int rows, CudaWeight w) {
    return w.dtype() == DType.FP8
        && rows > EXACT_ROWS
        && w.rows() % ROWS == 0
        && w.planes().scales() % ALIGNMENT == 0
        && float8.getAsBoolean();
  }
}
