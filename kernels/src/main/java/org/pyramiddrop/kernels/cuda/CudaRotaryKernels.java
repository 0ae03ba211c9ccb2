package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Heads;

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
    turn("rotate", x, heads, rotary, positions);
  }

  /** Turns them back. */
  void rotateBack(CudaTensor x, int heads, CudaRotary rotary, CudaIndices positions) {
    turn("rotate_back", x, heads, rotary, positions);
  }

  private void turn(
      String kernel, CudaTensor x, int heads, CudaRotary rotary, CudaIndices positions) {
    if (x.rows() == 0) {
      return;
    }
    launcher.kernel(kernel);
    appendRotate(x, heads, rotary, positions)
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
    launcher.kernel("store_key_values");
    appendStore(x, firstColumn, rotary, positions, rows, keys, values)
        .launch(x.rows(), blocks(keys.columns()), 1, THREADS, 0);
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
    if (qkv.rows() == 0) {
      return;
    }
    int queryBlocks = blocks(heads.queryColumns() / 2);
    launcher.kernel("rotate_and_store").int32(queryBlocks);
    appendRotate(qkv, heads.query(), rotary, positions);
    appendStore(qkv, heads.queryColumns(), rotary, positions, rows, keys, values)
        .launch(qkv.rows(), queryBlocks + blocks(keys.columns()), 1, THREADS, 0);
  }

  /** Appends {@code struct Rotate}. */
  private Launcher appendRotate(CudaTensor x, int heads, CudaRotary rotary, CudaIndices positions) {
    return launcher
        .pointer(x.address())
        .pointer(rotary.cos())
        .pointer(rotary.sin())
        .pointer(positions.address())
        .int32(x.columns())
        .int32(heads)
        .int32(rotary.headSize())
        .int32(rotary.tabulated());
  }

  /** Appends {@code struct StoreKeyValues}. */
  private Launcher appendStore(
      CudaTensor x,
      int firstColumn,
      @Nullable CudaRotary rotary,
      @Nullable CudaIndices positions,
      CudaIndices rows,
      CudaTensor keys,
      CudaTensor values) {
    return launcher
        .pointer(x.address())
        .pointer(keys.address())
        .pointer(values.address())
        .pointer(rows.address())
        .pointer(rotary == null ? 0 : rotary.cos())
        .pointer(rotary == null ? 0 : rotary.sin())
        .pointer(rotary == null || positions == null ? 0 : positions.address())
        .int32(firstColumn)
        .int32(keys.columns())
        .int32(rotary == null ? 0 : rotary.headSize())
        .int32(rotary == null ? 0 : rotary.tabulated())
        .int32(keys.rows());
  }

  /** Blocks that share a row. */
  private static int blocks(int channels) {
    return Math.ceilDiv(channels, PACK * THREADS);
  }
}
