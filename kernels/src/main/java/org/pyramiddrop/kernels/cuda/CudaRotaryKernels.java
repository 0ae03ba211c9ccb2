package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;

/** Rotary position embedding, and the keys and values that go into a cache: {@code rotary.cu}. */
final class CudaRotaryKernels {
  private static final int THREADS = 128;

  /** Neighbouring channels a thread takes at once. */
  private static final int PACK = 4;

  private final Launcher launcher;

  CudaRotaryKernels(Launcher launcher) {
    this.launcher = launcher;
  }

  /** Turns the first heads of each row in place. */
  void rotate(CudaTensor x, int heads, CudaRotary rotary, CudaIndices positions) {
    if (x.rows() == 0) {
      return;
    }
    launcher
        .kernel("rotate")
        .pointer(x.address())
        .pointer(rotary.cos())
        .pointer(rotary.sin())
        .pointer(positions.address())
        .integer(x.columns())
        .integer(heads)
        .integer(rotary.headSize())
        .integer(rotary.positions())
        .launch(x.rows(), blocks(heads * rotary.headSize() / 2), 1, THREADS, 0);
  }

  /** Stores keys, turned where there is a table, and values into the rows of a cache. */
  void storeKeyValues(
      CudaTensor x,
      int firstColumn,
      @Nullable CudaRotary rotary,
      @Nullable CudaIndices positions,
      CudaIndices rows,
      CudaTensor keys,
      CudaTensor values) {
    if (x.rows() == 0) {
      return;
    }
    launcher
        .kernel("store_key_values")
        .pointer(x.address())
        .pointer(keys.address())
        .pointer(values.address())
        .pointer(rows.address())
        .pointer(rotary == null ? 0 : rotary.cos())
        .pointer(rotary == null ? 0 : rotary.sin())
        .pointer(rotary == null || positions == null ? 0 : positions.address())
        .integer(firstColumn)
        .integer(keys.columns())
        .integer(rotary == null ? 0 : rotary.headSize())
        .integer(rotary == null ? 0 : rotary.positions())
        .integer(keys.rows())
        .launch(x.rows(), blocks(keys.columns()), 1, THREADS, 0);
  }

  /** Blocks that share a row. */
  private static int blocks(int channels) {
    return Math.ceilDiv(channels, PACK * THREADS);
  }
}
