package org.pyramiddrop.kernels.cuda;

/**
 * Choices among scores and logits, each by one block, and order: {@code select_top_k.cu, sample.cu,
 * sort_places.cu}.
 */
final class CudaSelection {
  private static final int THREADS = 1024;

  /** What the structs Shared of the two files take; the files hold them to it. */
  private static final int SELECT_SHARED_BYTES = 4360;

  private static final int SAMPLE_SHARED_BYTES = 13_840;

  private static final int SORT_THREADS = 256;
  private static final int SORT_NUMBERS = 32;

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

  /** The {@code keep} places with the highest scores, then the others, both in their order. */
  void splitTopK(CudaTensor scores, CudaIndices places, int keep, CudaIndices out) {
    if (places.size() == 0) {
      return;
    }
    launcher
        .untypedKernel("split_top_k")
        .pointer(scores.address())
        .pointer(places.address())
        .pointer(out.address())
        .int32(scores.columns())
        .int32(places.size())
        .int32(keep)
        .launch(1, 1, 1, THREADS, SELECT_SHARED_BYTES);
  }

  /** The places of numbers in ascending order, the lower place first among equals. */
  void sortPlaces(CudaIndices x, CudaIndices out) {
    if (x.size() == 0) {
      return;
    }
    launcher
        .untypedKernel("sort_places")
        .pointer(x.address())
        .pointer(out.address())
        .int32(x.size())
        .launch(
            Math.ceilDiv(x.size(), SORT_NUMBERS), 1, 1, SORT_THREADS, SORT_THREADS * Integer.BYTES);
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
