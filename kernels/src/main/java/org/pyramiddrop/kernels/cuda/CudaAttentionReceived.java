package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;

/** How much attention keys receive of many queries: {@code attention_received.cu}. */
final class CudaAttentionReceived {
  private static final int ALIGNMENT = 16;
  private static final int THREADS = 128;
  private static final int TILE_ROWS = 64;
  private static final int PLAIN_ROWS = 16;
  private static final int PLAIN_OTHERS = 32;
  private static final int MEAN_THREADS = 256;

  private final Launcher launcher;
  private final DeviceMemory memory;

  CudaAttentionReceived(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
  }

  /** How a launch cuts rows into blocks. */
  private record Tiling(String suffix, int rows, int sharedBytes) {}

  /**
   * {@code out[j] = mean over queries and heads of softmax(q · k_j / √size)}, in float32.
   *
   * @throws IllegalArgumentException if heads have more than 256 channels
   */
  void score(CudaTensor queries, Heads heads, CudaTensor keys, CudaTensor out) {
    CudaAttention.requireSize(heads);
    int rows = queries.rows();
    int count = keys.rows();
    Tiling tiling = tiling(queries, heads, keys);
    long levelsBytes = 2L * heads.query() * rows * Float.BYTES;
    long sumsBytes = (long) heads.query() * count * Float.BYTES;
    try (DeviceMemory.Block scratch = memory.allocate(levelsBytes + sumsBytes)) {
      long sums = scratch.address() + levelsBytes;
      start("attention_received_levels", tiling, queries, heads, keys, scratch.address(), sums)
          .launch(heads.query(), Math.ceilDiv(rows, tiling.rows), 1, THREADS, tiling.sharedBytes);
      start("attention_received_sums", tiling, queries, heads, keys, scratch.address(), sums)
          .launch(heads.query(), Math.ceilDiv(count, tiling.rows), 1, THREADS, tiling.sharedBytes);
      launcher
          .untypedKernel("attention_received_mean")
          .pointer(sums)
          .pointer(out.address())
          .int32(count)
          .int32(heads.query())
          .int32(Math.multiplyExact(heads.query(), rows))
          .launch(Math.ceilDiv(count, MEAN_THREADS), 1, 1, MEAN_THREADS, 0);
    }
  }

  private Launcher start(
      String kernel,
      Tiling tiling,
      CudaTensor queries,
      Heads heads,
      CudaTensor keys,
      long levels,
      long sums) {
    return launcher
        .kernel(kernel + tiling.suffix)
        .pointer(queries.address())
        .pointer(keys.address())
        .pointer(levels)
        .pointer(sums)
        .int32(queries.rows())
        .int32(queries.columns())
        .int32(keys.rows())
        .int32(heads.query())
        .int32(heads.keyValue())
        .int32(heads.size())
        .float32(CudaAttention.scale(heads));
  }

  /** On tensor cores where type, heads and addresses allow it. */
  private static Tiling tiling(CudaTensor queries, Heads heads, CudaTensor keys) {
    int size = heads.size();
    long rowBytes = (long) queries.columns() * queries.dtype().bytes();
    if (queries.dtype() != DType.FLOAT32
        && (size == 64 || size == 128)
        && (queries.address() | keys.address() | rowBytes) % ALIGNMENT == 0) {
      return new Tiling("_" + size, TILE_ROWS, 2 * TILE_ROWS * size * queries.dtype().bytes());
    }
    int sharedBytes = (PLAIN_ROWS + PLAIN_OTHERS) * (size + 1) * Float.BYTES;
    return new Tiling("_plain", PLAIN_ROWS, sharedBytes);
  }
}
