package org.pyramiddrop.kernels.cuda;

/** The gradient of a linear layer's bias: {@code linear_bias.cu}. */
final class CudaLinearBias {
  private final Launcher launcher;

  CudaLinearBias(Launcher launcher) {
    this.launcher = launcher;
  }

  /** Adds the sums of dy's columns; gradient is float32. */
  void add(CudaTensor dy, CudaTensor gradient) {
    if (dy.rows() == 0) {
      return;
    }
    launcher
        .kernel("linear_bias", dy.dtype())
        .pointer(dy.address())
        .pointer(gradient.address())
        .int32(dy.rows())
        .int32(dy.columns())
        .launch(
            ColumnSums.blocks(dy.columns()), 1, 1, ColumnSums.THREADS, ColumnSums.SCRATCH_BYTES);
  }
}
