package org.pyramiddrop.kernels.cuda;

/** Normalisation of rows: {@code norms.cu}. */
final class CudaNorms {
  private static final int VECTOR_BYTES = 16;
  private static final int WARP = 32;

  /** The most threads that share a row; {@code streaming.cu} has room for their warps' sums. */
  static final int MOST_THREADS = 512;

  /** Vectors a thread takes, if as many threads are enough; {@code KEPT} in the kernels. */
  private static final int VECTORS = 4;

  /** Short rows a block takes. */
  private static final int SHORT_ROWS = 4;

  /** For the sums of a block's warps. */
  private static final int SCRATCH_BYTES = 512;

  private final Launcher launcher;

  CudaNorms(Launcher launcher) {
    this.launcher = launcher;
  }

  /** {@code out = x / √(mean(x²) + epsilon) ∘ w}. */
  void rmsNorm(CudaTensor x, CudaWeight w, float epsilon, CudaTensor out) {
    if (x.rows() > 0) {
      launcher.kernel("rms_norm").pointer(x.address()).pointer(w.address());
      launcher.pointer(out.address());
      launch(launcher, x, epsilon);
    }
  }

  /** {@code out = (x - mean) / √(variance + epsilon) ∘ w + bias}. */
  void layerNorm(CudaTensor x, CudaWeight w, CudaWeight bias, float epsilon, CudaTensor out) {
    if (x.rows() > 0) {
      launcher
          .kernel("layer_norm")
          .pointer(x.address())
          .pointer(w.address())
          .pointer(bias.address());
      launcher.pointer(out.address());
      launch(launcher, x, epsilon);
    }
  }

  /**
   * Appends what kernels of {@code shared_rows.cuh} take last, and starts one. How a row is shared
   * follows from its length alone, so its result does not depend on others.
   */
  static void launch(Launcher launcher, CudaTensor x, float epsilon) {
    int threads = threads(x.columns(), x.dtype().bytes());
    int rows = threads == WARP ? SHORT_ROWS : 1;
    launcher
        .int32(x.rows())
        .int32(x.columns())
        .int32(threads)
        .float32(epsilon)
        .launch(Math.ceilDiv(x.rows(), rows), 1, 1, rows * threads, SCRATCH_BYTES);
  }

  /** How many threads share a row: whole warps, with a few accesses each under way at once. */
  static int threads(int columns, int bytes) {
    int vector = VECTOR_BYTES / bytes;
    int accesses = columns % vector == 0 ? columns / vector : columns;
    return Math.min(MOST_THREADS, Math.ceilDiv(accesses, VECTORS * WARP) * WARP);
  }
}
