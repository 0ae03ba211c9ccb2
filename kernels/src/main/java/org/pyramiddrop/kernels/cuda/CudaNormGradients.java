package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;

/** Gradients of norms: {@code norm_gradients.cu}. */
final class CudaNormGradients {
  /** For the sums of a block's warps, of five things. */
  private static final int ROW_SHARED_BYTES = 5 * 32 * Float.BYTES;

  /** What the kernel of weights reads of each row: {@code NormStatistics}. */
  private static final int STATISTICS_BYTES = 3 * Float.BYTES;

  private final Launcher launcher;
  private final DeviceMemory memory;

  CudaNormGradients(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
  }

  /** Adds the gradients of the RMS norm's input and, where it is wanted, of its weight. */
  void rmsNorm(
      CudaTensor x,
      CudaWeight w,
      float epsilon,
      CudaTensor dy,
      CudaTensor dx,
      @Nullable CudaTensor dw) {
    add("rms_norm_gradient", x, w, epsilon, dy, dx, dw, null);
  }

  /** Adds the gradients of the layer norm's input and, where they are wanted, of its weights. */
  void layerNorm(
      CudaTensor x,
      CudaWeight w,
      float epsilon,
      CudaTensor dy,
      CudaTensor dx,
      @Nullable CudaTensor dw,
      @Nullable CudaTensor dBias) {
    add("layer_norm_gradient", x, w, epsilon, dy, dx, dw, dBias);
  }

  private void add(
      String kernel,
      CudaTensor x,
      CudaWeight w,
      float epsilon,
      CudaTensor dy,
      CudaTensor dx,
      @Nullable CudaTensor dw,
      @Nullable CudaTensor dBias) {
    if (x.rows() == 0) {
      return;
    }
    try (DeviceMemory.Block statistics = memory.allocate((long) x.rows() * STATISTICS_BYTES)) {
      launcher
          .kernel(kernel)
          .pointer(x.address())
          .pointer(w.address())
          .pointer(dy.address())
          .pointer(dx.address())
          .pointer(statistics.address())
          .int32(x.columns())
          .float32(epsilon)
          .launch(
              x.rows(), 1, 1, CudaNorms.threads(x.columns(), x.dtype().bytes()), ROW_SHARED_BYTES);
      if (dw != null || dBias != null) {
        launcher
            .kernel("norm_weight_gradient")
            .pointer(x.address())
            .pointer(dy.address())
            .pointer(statistics.address())
            .pointer(dw == null ? 0 : dw.address())
            .pointer(dBias == null ? 0 : dBias.address())
            .int32(x.rows())
            .int32(x.columns())
            .launch(
                ColumnSums.blocks(x.columns()),
                1,
                1,
                ColumnSums.THREADS,
                2 * ColumnSums.SCRATCH_BYTES);
      }
    }
  }
}
