package org.pyramiddrop.kernels.cuda;

/** Cross entropy and its gradient: {@code cross_entropy.cu}. */
final class CudaLoss {
  private static final int WARP = 32;
  private static final int MOST_THREADS = 512;

  /** For the warps' maxima and sums. */
  private static final int SHARED_BYTES = 2 * WARP * Float.BYTES;

  private final Launcher launcher;

  CudaLoss(Launcher launcher) {
    this.launcher = launcher;
  }

  /** {@code -log softmax(logits)[label]} of each row, and the gradient of {@code scale} of it. */
  void crossEntropy(
      CudaTensor logits, CudaIndices labels, float scale, CudaTensor losses, CudaTensor dLogits) {
    if (logits.rows() == 0) {
      return;
    }
    int threads = Math.min(MOST_THREADS, Math.ceilDiv(logits.columns(), WARP) * WARP);
    launcher
        .kernel("cross_entropy", dLogits.dtype())
        .pointer(logits.address())
        .pointer(labels.address())
        .pointer(losses.address())
        .pointer(dLogits.address())
        .int32(logits.columns())
        .float32(scale)
        .launch(logits.rows(), 1, 1, threads, SHARED_BYTES);
  }
}
