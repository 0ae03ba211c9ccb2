package org.pyramiddrop.kernels.cuda;

import java.util.stream.Stream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Mask;

/**
 * Gradients of attention: {@code attention_gradient_tensor.cu} for bfloat16 on tensor cores, {@code
 * attention_gradient.cu} for all else.
 */
final class CudaAttentionGradient {
  private static final int MOST_CHANNELS = 128;
  private static final int THREADS = 128;

  /** Rows of queries, and keys, of a block. */
  private static final int TILE = 32;

  /** What tensor cores want addresses to be multiples of, in bytes. */
  private static final int ALIGNMENT = 16;

  /** Rows of queries, and keys, of a block on tensor cores. */
  private static final int TENSOR_TILE = 64;

  /** Shared memory of such a block for each channel of a head, and for the rows that keys meet. */
  private static final int TENSOR_CHANNEL_BYTES = 384;

  private static final int MET_ROWS_BYTES = 512;

  /** Neighbouring channels that a thread reads at once. */
  private static final int PACK = 4;

  /** Of one kind of weights between a block's rows and those it meets. */
  private static final int WEIGHTS_BYTES = TILE * TILE * Float.BYTES;

  /** {@code RowStatistics}. */
  private static final int STATISTICS_BYTES = 3 * Float.BYTES;

  private final Launcher launcher;
  private final DeviceMemory memory;

  CudaAttentionGradient(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
  }

  /** What attention read, and the gradient of what it wrote. */
  record Inputs(
      CudaTensor q, Heads heads, CudaTensor keys, CudaTensor values, Mask mask, CudaTensor dy) {
    /** Whether the tensor cores' kernels take them. */
    boolean suitTensorCores() {
      return q.dtype() == DType.BFLOAT16
          && (heads.size() == 64 || heads.size() == 128)
          && Stream.of(q, keys, values, dy).allMatch(CudaAttentionGradient::aligned);
    }
  }

  /** Gradients of what attention read. */
  record Gradients(CudaTensor dq, CudaTensor dKeys, CudaTensor dValues) {
    /** Whether the tensor cores' kernels write them. */
    boolean suitTensorCores() {
      return Stream.of(dq, dKeys, dValues).allMatch(CudaAttentionGradient::aligned);
    }
  }

  private static boolean aligned(CudaTensor x) {
    return x.address() % ALIGNMENT == 0;
  }

  /**
   * How the three kernels are launched.
   *
   * @param suffix of their names
   * @param tile rows of queries, and keys, of a block
   * @param rowsBytes shared memory of a block that finds statistics of rows
   * @param queryBytes the same for the gradient of queries
   * @param keysBytes the same for the gradients of keys and values
   */
  private record Launches(String suffix, int tile, int rowsBytes, int queryBytes, int keysBytes) {
    static Launches plain(Heads heads) {
      int stride = Math.ceilDiv(heads.size(), PACK) * PACK + PACK;
      int tiles = 4 * TILE * stride * Float.BYTES;
      return new Launches("", TILE, tiles, tiles + WEIGHTS_BYTES, tiles + 2 * WEIGHTS_BYTES);
    }

    static Launches onTensorCores(Heads heads) {
      int tiles = TENSOR_CHANNEL_BYTES * heads.size();
      return new Launches("_" + heads.size(), TENSOR_TILE, tiles, tiles, tiles + MET_ROWS_BYTES);
    }
  }

  /**
   * The gradients of attention; a row whose last key is outside of the keys has a gradient of NaN
   * and gives nothing to keys and values.
   *
   * @throws IllegalArgumentException if heads have more than 128 channels
   */
  void run(Inputs inputs, Gradients gradients) {
    Heads heads = inputs.heads;
    if (heads.size() > MOST_CHANNELS) {
      throw new IllegalArgumentException(
          "heads of %d channels are too large for gradients on the CUDA backend, which takes %d: "
                  .formatted(heads.size(), MOST_CHANNELS)
              + "use the CPU");
    }
    boolean tensorCores = inputs.suitTensorCores() && gradients.suitTensorCores();
    Launches how = tensorCores ? Launches.onTensorCores(heads) : Launches.plain(heads);
    int rows = inputs.q.rows();
    int keys = inputs.keys.rows();
    long bytes = (long) rows * heads.query() * STATISTICS_BYTES;
    try (DeviceMemory.Block statistics = memory.allocate(bytes)) {
      if (rows > 0) {
        int blocks = Math.ceilDiv(rows, how.tile);
        start("rows" + how.suffix, inputs, gradients, statistics)
            .launch(heads.query(), blocks, 1, THREADS, how.rowsBytes);
        start("query" + how.suffix, inputs, gradients, statistics)
            .launch(heads.query(), blocks, 1, THREADS, how.queryBytes);
      }
      if (keys > 0) {
        int blocks = Math.ceilDiv(keys, how.tile);
        start("keys" + how.suffix, inputs, gradients, statistics)
            .launch(heads.keyValue(), blocks, 1, THREADS, how.keysBytes);
      }
    }
  }

  /** Appends {@code struct AttentionGradient}. */
  private Launcher start(
      String part, Inputs inputs, Gradients gradients, DeviceMemory.Block statistics) {
    launcher.kernel("attention_gradient_" + part);
    return CudaAttention.append(
            launcher,
            CudaAttention.Rows.of(inputs.q),
            inputs.heads,
            CudaAttention.Rows.of(inputs.keys),
            CudaAttention.Rows.of(inputs.values),
            inputs.mask,
            0)
        .pointer(inputs.dy.address())
        .pointer(statistics.address())
        .pointer(gradients.dq.address())
        .pointer(gradients.dKeys.address())
        .pointer(gradients.dValues.address())
        .float32((float) (1 / Math.sqrt(inputs.heads.size())));
  }
}
