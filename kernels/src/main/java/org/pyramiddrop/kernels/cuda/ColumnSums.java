package org.pyramiddrop.kernels.cuda;

/** How kernels are launched that sum columns: {@code column_sums.cuh}. */
final class ColumnSums {
  static final int THREADS = 256;

  /** Shared memory for each sum. */
  static final int SCRATCH_BYTES = THREADS * Float.BYTES;

  /** Columns a block has. */
  private static final int WIDTH = 32;

  private ColumnSums() {}

  static int blocks(int columns) {
    return Math.ceilDiv(columns, WIDTH);
  }
}
