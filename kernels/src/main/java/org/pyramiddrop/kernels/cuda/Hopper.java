package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.cuda.ElementType;
import org.pyramiddrop.cuda.TensorMap;
import org.pyramiddrop.kernels.DType;

/** What the kernels for compute capability 9.0 have in common: {@code hopper.cuh}. */
final class Hopper {
  /** Three warpgroups. */
  static final int THREADS = 384;

  /** Rows of a block's tile, and of a box of activations. */
  static final int ROWS = 128;

  /** Columns of a box. */
  static final int BOX_COLUMNS = 64;

  private Hopper() {}

  /** Describes rows of activations, which are two-byte numbers, in boxes of 128. */
  static TensorMap tensorMap(CudaTensor x) {
    return tensorMap(x, ROWS);
  }

  /** The same in boxes of so many rows. */
  static TensorMap tensorMap(CudaTensor x, int boxRows) {
    return tensorMap(x.dtype(), x.address(), x.rows(), x.columns(), boxRows);
  }

  /**
   * Describes rows of a matrix, which are two-byte numbers.
   *
   * @param boxRows rows of a box
   */
  static TensorMap tensorMap(CudaWeight w, int boxRows) {
    return tensorMap(w.dtype(), w.address(), w.rows(), w.columns(), boxRows);
  }

  /** Describes heads of rows, whose numbers take two bytes. */
  static TensorMap tensorMap(DType dtype, long address, TensorMap.Heads heads) {
    return TensorMap.of(type(dtype), address, heads, ROWS);
  }

  private static TensorMap tensorMap(
      DType dtype, long address, int rows, int columns, int boxRows) {
    return TensorMap.of(type(dtype), address, rows, columns, boxRows);
  }

  private static ElementType type(DType dtype) {
    return dtype == DType.FLOAT16 ? ElementType.FLOAT16 : ElementType.BFLOAT16;
  }
}
