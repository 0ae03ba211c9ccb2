package org.pyramiddrop.kernels.cuda;

import java.util.Locale;

/** Adding to what is there: {@code sums.cu}. */
final class CudaSums {
  private static final int THREADS = 256;

  /** Neighbouring numbers a thread takes at once. */
  private static final int PACK = 4;

  private final Launcher launcher;

  CudaSums(Launcher launcher) {
    this.launcher = launcher;
  }

  /** {@code out += factor · x}, element by element. */
  void addScaled(CudaTensor x, float factor, CudaTensor out) {
    if (x.rows() == 0) {
      return;
    }
    kernel("add_scaled", x, out)
        .pointer(x.address())
        .pointer(out.address())
        .int64(x.size())
        .float32(factor)
        .launch(Math.toIntExact(Math.ceilDiv(x.size(), PACK * THREADS)), 1, 1, THREADS, 0);
  }

  /** {@code out[r][firstColumn + c] += factor · x[r][c]}, both float32. */
  void addColumns(CudaTensor x, float factor, CudaTensor out, int firstColumn) {
    if (x.rows() == 0) {
      return;
    }
    launcher
        .untypedKernel("add_columns")
        .pointer(x.address())
        .pointer(out.address())
        .int32(x.columns())
        .int32(out.columns())
        .int32(firstColumn)
        .float32(factor)
        .launch(x.rows(), Math.ceilDiv(x.columns(), THREADS), 1, THREADS, 0);
  }

  /** {@code out[r][c] += x[r][firstColumn + c]}. */
  void addFromColumns(CudaTensor x, int firstColumn, CudaTensor out) {
    if (out.rows() == 0) {
      return;
    }
    launcher
        .kernel("add_from_columns", x.dtype())
        .pointer(x.address())
        .pointer(out.address())
        .int32(x.columns())
        .int32(out.columns())
        .int32(firstColumn)
        .launch(out.rows(), Math.ceilDiv(out.columns(), THREADS), 1, THREADS, 0);
  }

  /** {@code out[rows[i]] += x[i]}; a row outside of out is left out. */
  void addRows(CudaTensor x, CudaIndices rows, CudaTensor out) {
    if (x.rows() == 0) {
      return;
    }
    kernel("add_rows", x, out)
        .pointer(x.address())
        .pointer(rows.address())
        .pointer(out.address())
        .int32(x.columns())
        .int32(out.rows())
        .launch(x.rows(), Math.ceilDiv(x.columns(), PACK * THREADS), 1, THREADS, 0);
  }

  /** {@code table[ids[i]] += x[i]} in the order of i; an id outside of the table is left out. */
  void addToTable(CudaTensor x, CudaIndices ids, CudaTensor table) {
    if (x.rows() == 0) {
      return;
    }
    launcher
        .kernel("add_to_table", x.dtype())
        .pointer(x.address())
        .pointer(ids.address())
        .pointer(table.address())
        .int32(x.rows())
        .int32(x.columns())
        .int32(table.rows())
        .launch(x.rows(), Math.ceilDiv(x.columns(), THREADS), 1, THREADS, 0);
  }

  private Launcher kernel(String name, CudaTensor x, CudaTensor out) {
    String from = x.dtype().name().toLowerCase(Locale.ROOT);
    return launcher.kernel("%s_%s_to".formatted(name, from), out.dtype());
  }
}
