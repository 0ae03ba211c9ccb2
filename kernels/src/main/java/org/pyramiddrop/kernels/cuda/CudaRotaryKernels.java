package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Heads;

/** Rotary position embedding, and the keys and values that go into a cache: {@code rotary.cu}. */
final class CudaRotaryKernels {
  private static final int THREADS = 128;

  /** Bytes of an access. */
  private static final int VECTOR_BYTES = 16;

  /** Blocks, a multiprocessor, that bring as many bytes as can be on their way. */
  private static final int BLOCKS_EACH = 4;

  private final Launcher launcher;

  CudaRotaryKernels(Launcher launcher) {
    this.launcher = launcher;
  }

  /** Turns the first heads of each row in place. */
  void rotate(CudaTensor x, int heads, CudaRotary rotary, CudaIndices positions) {
    launch("rotate_and_store", x, 0, heads, rotary, positions, null);
  }

  /** Turns them back. */
  void rotateBack(CudaTensor x, int heads, CudaRotary rotary, CudaIndices positions) {
    launch("rotate_back", x, 0, heads, rotary, positions, null);
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
    Cache cache = new Cache(rows, keys, values);
    String kernel = rotary == null ? "store_key_values" : "rotate_and_store";
    launch(kernel, x, firstColumn, 0, rotary, positions, cache);
  }

  /** Turns the queries of a fused product in place, and stores its keys, turned, and values. */
  void rotateAndStore(
      CudaTensor qkv,
      Heads heads,
      CudaRotary rotary,
      CudaIndices positions,
      CudaIndices rows,
      CudaTensor keys,
      CudaTensor values) {
    Cache cache = new Cache(rows, keys, values);
    launch("rotate_and_store", qkv, 0, heads.query(), rotary, positions, cache);
  }

  /** Rows of keys and values, and which of them are written. */
  private record Cache(CudaIndices to, CudaTensor keys, CudaTensor values) {}

  /** Appends {@code struct Rotate} and launches. */
  private void launch(
      String kernel,
      CudaTensor x,
      int firstColumn,
      int heads,
      @Nullable CudaRotary rotary,
      @Nullable CudaIndices positions,
      @Nullable Cache cache) {
    if (x.rows() == 0) {
      return;
    }
    int size = rotary == null ? 0 : rotary.headSize();
    int stored = cache == null ? 0 : cache.keys.columns();
    launcher
        .kernel(kernel)
        .pointer(x.address())
        .pointer(cache == null ? 0 : cache.keys.address())
        .pointer(cache == null ? 0 : cache.values.address())
        .pointer(cache == null ? 0 : cache.to.address())
        .pointer(rotary == null ? 0 : rotary.cos())
        .pointer(rotary == null ? 0 : rotary.sin())
        .pointer(positions == null ? 0 : positions.address())
        .int32(x.columns())
        .int32(firstColumn)
        .int32(heads)
        .int32(stored)
        .int32(size)
        .int32(rotary == null ? 0 : rotary.tabulated())
        .int32(cache == null ? 0 : cache.keys.rows())
        .launch(x.rows(), blocks(x, Math.max(heads * size, stored)), 1, THREADS, 0);
  }

  /**
   * Blocks that share a row: as many as fill the GPU, if it has work for them.
   *
   * @param columns of its heads, its keys or its values, whichever are more
   */
  private int blocks(CudaTensor x, int columns) {
    int most = Math.ceilDiv(columns * x.dtype().bytes(), VECTOR_BYTES * THREADS);
    return Math.clamp((long) launcher.multiprocessors() * BLOCKS_EACH / x.rows(), 1, most);
  }
}
