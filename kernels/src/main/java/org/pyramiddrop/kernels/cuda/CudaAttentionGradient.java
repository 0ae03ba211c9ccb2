package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Mask;

/** Gradients of attention: {@code attention_gradient.cu}. */
final class CudaAttentionGradient {
  private static final int MOST_CHANNELS = 128;
  private static final int THREADS = 128;

  /** Rows of queries, and keys, of a block. */
  private static final int TILE = 32;

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
      CudaTensor q, Heads heads, CudaTensor keys, CudaTensor values, Mask mask, CudaTensor dy) {}

  /** Gradients of what attention read. */
  record Gradients(CudaTensor dq, CudaTensor dKeys, CudaTensor dValues) {}

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
    int rows = inputs.q.rows();
    int keys = inputs.keys.rows();
    long bytes = (long) rows * heads.query() * STATISTICS_BYTES;
    try (DeviceMemory.Block statistics = memory.allocate(bytes)) {
      if (rows > 0) {
        int blocks = Math.ceilDiv(rows, TILE);
        start("rows", inputs, gradients, statistics)
            .launch(heads.query(), blocks, 1, THREADS, sharedBytes(heads, 0));
        start("query", inputs, gradients, statistics)
            .launch(heads.query(), blocks, 1, THREADS, sharedBytes(heads, 1));
      }
      if (keys > 0) {
        int blocks = Math.ceilDiv(keys, TILE);
        start("keys", inputs, gradients, statistics)
            .launch(heads.keyValue(), blocks, 1, THREADS, sharedBytes(heads, 2));
      }
    }
  }

  /** Appends {@code struct AttentionGradient}. */
  private Launcher start(
      String part, Inputs inputs, Gradients gradients, DeviceMemory.Block statistics) {
    launcher.kernel("attention_gradient_" + part);
    return CudaAttention.append(
            launcher, inputs.q, inputs.heads, inputs.keys, inputs.values, inputs.mask, 0)
        .pointer(inputs.dy.address())
        .pointer(statistics.address())
        .pointer(gradients.dq.address())
        .pointer(gradients.dKeys.address())
        .pointer(gradients.dValues.address())
        .float32((float) (1 / Math.sqrt(inputs.heads.size())));
  }

  /** Four tiles, and some kinds of weights. */
  private static int sharedBytes(Heads heads, int weights) {
    int stride = Math.ceilDiv(heads.size(), PACK) * PACK + PACK;
    return 4 * TILE * stride * Float.BYTES + weights * WEIGHTS_BYTES;
  }
}
