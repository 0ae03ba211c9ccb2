package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

/**
 * What cuBLASLt may do besides products of the device's element type.
 *
 * @param adds whether it may add a product to an out of two-byte numbers
 * @param float8 whether it multiplies eight-bit floats, each row of x and w with a scale
 */
record LibraryUse(boolean adds, boolean float8) {
  /** What it wants the rows of a matrix of eight-bit floats to be a multiple of. */
  private static final int ROWS = 16;

  /** What it wants scales to begin at, in bytes. */
  private static final int ALIGNMENT = 16;

  /** Whether products by a matrix quantise their rows, for cuBLASLt to multiply. */
  boolean quantizes(CudaWeight w) {
    return float8
        && w.dtype() == DType.FP8
        && w.rows() % ROWS == 0
        && w.planes().scales() % ALIGNMENT == 0;
  }
}
