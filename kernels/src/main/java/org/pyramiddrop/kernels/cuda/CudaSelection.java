package org.pyramiddrop.kernels.cuda;

/** Choices among scores and logits, each by one block: {@code select_top_k.cu, sample.cu}. */
final class CudaSelection {
  private static final int THREADS = 1024;

  /** What the structs Shared of the two files take; the files hold them to it. */
  private static final int SELECT_SHARED_BYTES = 4360;

  private static final int SAMPLE_SHARED_BYTES = 13_840;

  private final Launcher launcher;

  CudaSelection(Launcher launcher) {
    this.launcher = launcher;
  }

  /**
   * Places of the {@code keep} highest of {@code scores[first .. first+count)}, ascending, into
   * {@code out[at .. at+keep)}.
   */
  void selectTopK(CudaTensor scores, int first, int count, int keep, CudaIndices out, int at) {
    if (keep == 0) {
      return;
    }
    launcher
        .untypedKernel("select_top_k")
        .pointer(scores.address())
        .pointer(out.address())
        .int32(first)
        .int32(count)
        .int32(keep)
        .int32(at)
        .launch(1, 1, 1, THREADS, SELECT_SHARED_BYTES);
  }

  /** The next token's id into {@code out[0]}; -1 if a logit is NaN. Notes it in {@code seen}. */
  void sample(CudaTensor logits, CudaIndices seen, CudaTensor controls, CudaIndices out) {
    launcher
        .untypedKernel("sample")
        .pointer(logits.address())
        .pointer(seen.address())
        .pointer(controls.address())
        .pointer(out.address())
        .int32(logits.columns())
        .launch(1, 1, 1, THREADS, SAMPLE_SHARED_BYTES);
  }
}
