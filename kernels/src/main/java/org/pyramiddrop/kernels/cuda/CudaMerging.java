package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.Heads;

/** Tokens that go into others: {@code merging.cu}. */
final class CudaMerging {
  private static final int THREADS = 128;
  private static final int AVERAGE_THREADS = 256;
  private static final int NEAREST_OTHERS = 16;
  private static final int VECTOR_BYTES = 16;

  /** What the struct Found of that file takes; the file holds it to it. */
  private static final int FOUND_BYTES = 528;

  private final Launcher launcher;
  private final RowScaling scaling;

  CudaMerging(Launcher launcher, RowScaling scaling) {
    this.launcher = launcher;
    this.scaling = scaling;
  }

  /** {@code out[i] = mean of the heads of x[i]}, float32. */
  void averageHeads(CudaTensor x, Heads heads, CudaTensor out) {
    if (out.rows() == 0) {
      return;
    }
    launcher
        .kernel("average_heads", x.dtype())
        .pointer(x.address())
        .pointer(out.address())
        .int32(out.rows())
        .int32(heads.keyValue())
        .int32(heads.size())
        .launch(
            Math.toIntExact(Math.ceilDiv(out.size(), AVERAGE_THREADS)), 1, 1, AVERAGE_THREADS, 0);
  }

  /** {@code out[i]}: the place in targets of the row with the highest cosine with others[i]. */
  void nearest(CudaTensor x, CudaIndices targets, CudaIndices others, CudaIndices out) {
    if (out.size() == 0) {
      return;
    }
    try (CudaTensor rows = scaling.allocate(x)) {
      scaling.scale(x, rows, 0);
      launcher
          .untypedKernel("nearest")
          .pointer(rows.address())
          .pointer(targets.address())
          .pointer(others.address())
          .pointer(out.address())
          .int32(rows.rows())
          .int32(rows.columns())
          .int32(targets.size())
          .int32(others.size())
          .launch(Math.ceilDiv(others.size(), NEAREST_OTHERS), 1, 1, THREADS, 0);
    }
  }

  /** {@code out[t] = x[targets[t]] + mean of the others that go into t}. */
  void mergeRows(
      CudaTensor x, CudaIndices targets, CudaIndices others, CudaIndices into, CudaTensor out) {
    if (out.rows() == 0) {
      return;
    }
    boolean packed =
        (long) x.columns() * x.dtype().bytes() % VECTOR_BYTES == 0
            && (x.address() | out.address()) % VECTOR_BYTES == 0;
    int pack = packed ? VECTOR_BYTES / x.dtype().bytes() : 1;
    launcher
        .kernel("merge_rows", x.dtype())
        .pointer(x.address())
        .pointer(targets.address())
        .pointer(others.address())
        .pointer(into.address())
        .pointer(out.address())
        .int32(x.rows())
        .int32(x.columns())
        .int32(others.size())
        .launch(out.rows(), Math.ceilDiv(x.columns(), pack * THREADS), 1, THREADS, FOUND_BYTES);
  }
}
