package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;

/**
 * Moving rows, and reading them: {@code rows.cu}, {@code widen_rows.cu} and {@code checksums.cu}.
 */
final class CudaRows {
  private static final int THREADS = 256;
  private static final int VECTOR_BYTES = 16;

  /** Neighbouring columns that a thread of {@code patches} writes. */
  private static final int PATCH_RUN = 4;

  private final Launcher launcher;

  CudaRows(Launcher launcher) {
    this.launcher = launcher;
  }

  /** {@code out[i] = table[ids[i]]}. */
  void embed(CudaWeight table, CudaIndices ids, CudaTensor out) {
    if (table.dtype().inBlocks()) {
      widenRows(table, ids, out);
      return;
    }
    gatherRows(table.address(), table.rows(), ids, out);
  }

  /** Rows in blocks: those of these numbers, or all of them, added to out. */
  private void widenRows(CudaWeight w, @Nullable CudaIndices rows, CudaTensor out) {
    if (out.rows() == 0) {
      return;
    }
    launcher.kernel(LinearArguments.kernel("widen_rows", w));
    LinearArguments.appendMatrix(launcher, w)
        .pointer(rows == null ? 0 : rows.address())
        .pointer(out.address())
        .int32(w.rows())
        .int32(out.columns())
        .launch(out.rows(), 1, 1, THREADS, 0);
  }

  /** {@code out[i] = x[rows[i]]}. */
  void gatherRows(CudaTensor x, CudaIndices rows, CudaTensor out) {
    gatherRows(x.address(), x.rows(), rows, out);
  }

  private void gatherRows(long from, int fromRows, CudaIndices rows, CudaTensor out) {
    if (out.rows() == 0) {
      return;
    }
    launcher
        .kernel("gather_rows", out.dtype())
        .pointer(from)
        .pointer(rows.address())
        .pointer(out.address())
        .int32(fromRows)
        .int32(out.columns())
        .launch(out.rows(), blocks(out), 1, THREADS, 0);
  }

  /** Pictures' squares, a row each. */
  void patches(CudaTensor pixels, int channels, int patch, int before, CudaTensor out) {
    if (out.rows() == 0) {
      return;
    }
    int side = (int) Math.round(Math.sqrt((double) pixels.columns() / channels));
    launcher
        .kernel("patches")
        .pointer(pixels.address())
        .pointer(out.address())
        .int32(channels)
        .int32(side)
        .int32(patch)
        .int32(before)
        .int32(out.columns())
        .launch(out.rows(), Math.ceilDiv(out.columns(), PATCH_RUN * THREADS), 1, THREADS, 0);
  }

  /** Exclusive ors of the words of equal parts: {@code checksums.cu}. */
  void checksums(CudaTensor x, CudaIndices out) {
    if (out.size() == 0) {
      return;
    }
    long bytes = (long) x.rows() * x.columns() * x.dtype().bytes();
    launcher
        .untypedKernel("checksums")
        .pointer(x.address())
        .pointer(out.address())
        .int64(bytes / out.size())
        .launch(out.size(), 1, 1, THREADS, THREADS / 32 * Integer.BYTES);
  }

  /** {@code out[i] = x[places[i]]} for numbers. */
  void gather(CudaIndices x, CudaIndices places, CudaIndices out) {
    if (out.size() == 0) {
      return;
    }
    launcher
        .untypedKernel("gather")
        .pointer(x.address())
        .pointer(places.address())
        .pointer(out.address())
        .int32(x.size())
        .int32(out.size())
        .launch(Math.ceilDiv(out.size(), THREADS), 1, 1, THREADS, 0);
  }

  /** {@code x += w}. */
  void add(CudaTensor x, CudaWeight w) {
    if (w.dtype().inBlocks()) {
      widenRows(w, null, x);
      return;
    }
    if (x.rows() == 0) {
      return;
    }
    launcher
        .kernel("add")
        .pointer(x.address())
        .pointer(w.address())
        .int32(x.rows())
        .int32(x.columns())
        .launch(Math.toIntExact(Math.ceilDiv(x.bytes(), VECTOR_BYTES * THREADS)), 1, 1, THREADS, 0);
  }

  /** {@code out[i][firstColumn + c] = x[i][c]}. */
  void copyColumns(CudaTensor x, CudaTensor out, int firstColumn) {
    if (x.rows() == 0) {
      return;
    }
    launcher
        .kernel("copy_columns", x.dtype())
        .pointer(x.address())
        .pointer(out.address())
        .int32(x.columns())
        .int32(out.columns())
        .int32(firstColumn)
        .launch(x.rows(), blocks(x), 1, THREADS, 0);
  }

  /** Blocks that share a row. */
  private static int blocks(CudaTensor x) {
    return Math.ceilDiv(x.columns() * x.dtype().bytes(), VECTOR_BYTES * THREADS);
  }
}
