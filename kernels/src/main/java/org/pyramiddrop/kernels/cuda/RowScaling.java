package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

/**
 * Rows brought to about one length, so that their products are their cosines': {@code
 * scale_rows.cu}.
 */
final class RowScaling {
  private static final int THREADS = 128;
  private static final int BLOCK_ROWS = 4;

  /** What columns are padded to a multiple of, so that kernels of products take any number. */
  private static final int COLUMNS = 8;

  private final Launcher launcher;
  private final DeviceMemory memory;

  RowScaling(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
  }

  /** Room for the scaled rows of a tensor. */
  CudaTensor allocate(CudaTensor x) {
    int columns = Math.ceilDiv(x.columns(), COLUMNS) * COLUMNS;
    return CudaTensor.allocate(memory, x.dtype(), x.rows(), columns);
  }

  /**
   * Scales each row by a power of two; one without a direction becomes NaN.
   *
   * @param inverse address of one float a row for 1 / the length of what it becomes, or 0
   */
  void scale(CudaTensor x, CudaTensor out, long inverse) {
    if (x.rows() == 0) {
      return;
    }
    launcher
        .kernel("scale_rows", x.dtype())
        .pointer(x.address())
        .pointer(out.address())
        .pointer(inverse)
        .int32(x.rows())
        .int32(x.columns())
        .int32(out.columns())
        .launch(Math.ceilDiv(x.rows(), BLOCK_ROWS), 1, 1, THREADS, 0);
  }

  /** float32 numbers for the time of an operation. */
  CudaTensor numbers(int rows, int columns) {
    return CudaTensor.allocate(memory, DType.FLOAT32, rows, columns);
  }
}
