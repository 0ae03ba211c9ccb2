package org.pyramiddrop.kernels.cpu;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/**
 * Prefill's products, many rows at a time, as a {@link BlockedProduct}: rows are packed once, and
 * each task owns some output columns, so a weight is read and widened once.
 */
final class MatrixProduct {
  private final Workers workers;
  private final BlockedProduct product;

  MatrixProduct(Workers workers, BlockedProduct product) {
    this.workers = workers;
    this.product = product;
  }

  /** {@code out = activation(x · wᵀ + bias)}. */
  void linear(
      CpuTensor x, CpuWeight w, @Nullable CpuWeight bias, Activation activation, CpuTensor out) {
    float[] left = product.packRows(x);
    float[] c = out.data();
    int n = out.columns();
    int panels = ceilDiv(n, MicroTile.COLUMNS);
    int each = product.panelsPerTask(panels);
    workers.run(
        ceilDiv(panels, each),
        (task, worker) -> {
          int from = task * each * MicroTile.COLUMNS;
          int columns = Math.min(each * MicroTile.COLUMNS, n - from);
          Panels rows = new Panels(w, from, MicroTile.COLUMNS, from + Lanes.COUNT, from + columns);
          boolean add = activation == Activation.ADD;
          product.sums(left, 0, x.rows(), rows, columns, worker, c, out.offset() + from, n, add);
          for (int r = 0; r < x.rows(); r++) {
            Epilogue.apply(
                activation,
                bias == null ? null : bias.vector(),
                bias == null ? 0 : bias.vectorOffset() + from,
                c,
                out.row(r) + from,
                columns);
          }
        });
  }

  /** {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}; a panel is half gate rows, half up rows. */
  void swiGlu(CpuTensor x, CpuWeight gateUp, CpuTensor out) {
    float[] left = product.packRows(x);
    int n = out.columns();
    int panels = ceilDiv(n, Lanes.COUNT);
    int each = product.panelsPerTask(panels);
    int stride = each * MicroTile.COLUMNS;
    float[][] gated = new float[workers.count()][];
    workers.run(
        ceilDiv(panels, each),
        (task, worker) -> {
          if (gated[worker] == null) {
            gated[worker] = new float[x.rows() * stride];
          }
          float[] sums = gated[worker];
          int from = task * each * Lanes.COUNT;
          int columns = Math.min(each * Lanes.COUNT, n - from);
          int width = ceilDiv(columns, Lanes.COUNT) * MicroTile.COLUMNS;
          Panels rows = new Panels(gateUp, from, Lanes.COUNT, n + from, from + columns);
          product.sums(left, 0, x.rows(), rows, width, worker, sums, 0, stride, false);
          for (int r = 0; r < x.rows(); r++) {
            for (int i = 0; i < columns; i += Lanes.COUNT) {
              int gate = r * stride + 2 * i;
              int count = Math.min(Lanes.COUNT, columns - i);
              Epilogue.gate(
                  sums, gate, sums, gate + Lanes.COUNT, out.data(), out.row(r) + from + i, count);
            }
          }
        });
  }

  static int ceilDiv(int a, int b) {
    return (a + b - 1) / b;
  }

  /**
   * Weight rows as panels: input i of column j at {@code i · COLUMNS + j}. The first half of panel
   * p's columns are the rows from {@code first + p · step} on, the second half those from {@code
   * second + p · step} on; rows that are not there are zero.
   *
   * @param first first row of the first half
   * @param step how many rows further the next panel begins
   * @param second first row of the second half
   * @param end where the first half's rows end; the second half's end as far behind {@code second},
   *     except that in a plain product both halves are one run of rows
   */
  private record Panels(CpuWeight w, int first, int step, int second, int end)
      implements BlockedProduct.Right {
    @Override
    public int inputs() {
      return w.columns();
    }

    @Override
    public void pack(int panel, int input, int length, float[] out, int at) {
      int half = Lanes.COUNT;
      int secondEnd = step == half ? second + end - first : end;
      half(first + panel * step, end, input, length, out, at);
      half(second + panel * step, secondEnd, input, length, out, at + half);
    }

    /**
     * Rows {@code from} to {@code from + Lanes.COUNT - 1}, four at a time where four lie together.
     */
    private void half(int from, int end, int input, int length, float[] out, int at) {
      for (int j = 0; j < Lanes.COUNT; j += PanelRows.COUNT) {
        int row = from + j;
        boolean together = row + PanelRows.COUNT <= end && w.contiguous(row) >= PanelRows.COUNT;
        if (together && w.dtype().inBlocks()) {
          PanelBlocks.pack(w, row, input, length, out, at + j, MicroTile.COLUMNS);
        } else if (together) {
          int bytes = w.dtype().bytes();
          PanelRows.pack(
              w.dtype(),
              w.segment(row),
              w.offset(row) + (long) input * bytes,
              (long) w.columns() * bytes,
              length,
              out,
              at + j,
              MicroTile.COLUMNS);
        } else {
          for (int r = 0; r < PanelRows.COUNT; r++) {
            row(row + r, end, input, length, out, at + j + r);
          }
        }
      }
    }

    private void row(int row, int end, int input, int length, float[] out, int at) {
      if (row < end) {
        w.widen(row, input, length, out, at, MicroTile.COLUMNS);
      } else {
        for (int i = 0; i < length; i++) {
          out[at + i * MicroTile.COLUMNS] = 0;
        }
      }
    }
  }
}
