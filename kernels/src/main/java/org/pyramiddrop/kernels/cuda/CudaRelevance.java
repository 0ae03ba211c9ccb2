package org.pyramiddrop.kernels.cuda;

/** How relevant rows are to a text: {@code relevance.cu}. */
final class CudaRelevance {
  private static final int TEXT_THREADS = 256;
  private static final int TEXT_COLUMNS = 32;
  private static final int TEXT_SHARED_BYTES = TEXT_THREADS * Double.BYTES;
  private static final int COSINE_THREADS = 128;
  private static final int COSINE_ROWS = 8;
  private static final int SCALE_THREADS = 1024;
  private static final int SCALE_SHARED_BYTES = 512;

  private final Launcher launcher;
  private final DeviceMemory memory;

  CudaRelevance(Launcher launcher, DeviceMemory memory) {
    this.launcher = launcher;
    this.memory = memory;
  }

  /** The cosine of each row with the mean of the text's, scaled to [0, 1]. */
  void relevance(CudaTensor x, CudaTensor text, CudaTensor out) {
    if (x.rows() == 0) {
      return;
    }
    // The text's numbers first: they are read in pairs.
    long textBytes = (long) Math.ceilDiv(x.columns(), 2) * 2 * Double.BYTES;
    try (DeviceMemory.Block scratch = memory.allocate(textBytes + (long) x.rows() * Double.BYTES)) {
      long cosines = scratch.address() + textBytes;
      launcher
          .kernel("relevance_text", text.dtype())
          .pointer(text.address())
          .pointer(scratch.address())
          .int32(text.rows())
          .int32(text.columns())
          .launch(
              Math.ceilDiv(text.columns(), TEXT_COLUMNS), 1, 1, TEXT_THREADS, TEXT_SHARED_BYTES);
      launcher
          .kernel("relevance_cosines", x.dtype())
          .pointer(x.address())
          .pointer(scratch.address())
          .pointer(cosines)
          .int32(x.rows())
          .int32(x.columns())
          .launch(Math.ceilDiv(x.rows(), COSINE_ROWS), 1, 1, COSINE_THREADS, 0);
      launcher
          .untypedKernel("relevance_scale")
          .pointer(cosines)
          .pointer(out.address())
          .int32(x.rows())
          .launch(1, 1, 1, SCALE_THREADS, SCALE_SHARED_BYTES);
    }
  }
}
