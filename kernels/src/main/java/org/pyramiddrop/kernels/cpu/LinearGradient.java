package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/** The gradients of a linear layer's input and weight, as blocked products. */
final class LinearGradient {
  private final Workers workers;
  private final BlockedProduct product;

  LinearGradient(Workers workers, BlockedProduct product) {
    this.workers = workers;
    this.product = product;
  }

  /** {@code dx (+)= dy · w}: a weight's rows are the inputs, its columns those of panels. */
  void input(CpuTensor dy, CpuWeight w, boolean add, CpuTensor dx) {
    float[] left = product.packRows(dy);
    int n = dx.columns();
    int panels = MatrixProduct.ceilDiv(n, MicroTile.COLUMNS);
    int each = product.panelsPerTask(panels);
    workers.run(
        MatrixProduct.ceilDiv(panels, each),
        (task, worker) -> {
          int from = task * each * MicroTile.COLUMNS;
          int columns = Math.min(each * MicroTile.COLUMNS, n - from);
          int to = dx.offset() + from;
          product.sums(
              left,
              0,
              dy.rows(),
              new WeightColumns(w, from),
              columns,
              worker,
              dx.data(),
              to,
              n,
              add);
        });
  }

  /**
   * {@code gradient += dyᵀ · x}. A task owns a block of the gradient that stays in the second-level
   * cache while the tokens pass over it, run by run.
   */
  void weight(CpuTensor x, CpuTensor dy, CpuTensor gradient) {
    float[] left = product.packColumns(dy);
    int n = gradient.columns();
    int panels = MatrixProduct.ceilDiv(n, MicroTile.COLUMNS);
    int each = product.panelsPerTask(panels);
    int groups = MatrixProduct.ceilDiv(panels, each);
    int high = BlockedProduct.BLOCK * MicroTile.ROWS;
    workers.run(
        MatrixProduct.ceilDiv(gradient.rows(), high) * groups,
        (task, worker) -> {
          int from = task % groups * each * MicroTile.COLUMNS;
          int columns = Math.min(each * MicroTile.COLUMNS, n - from);
          int row = task / groups * high;
          product.sums(
              left,
              row / MicroTile.ROWS,
              Math.min(high, gradient.rows() - row),
              new TensorColumns(x, from),
              columns,
              worker,
              gradient.data(),
              gradient.row(row) + from,
              n,
              true);
        });
  }

  /** Columns of a weight from {@code first} on. */
  private record WeightColumns(CpuWeight w, int first) implements BlockedProduct.Right {
    @Override
    public int inputs() {
      return w.rows();
    }

    @Override
    public void pack(int panel, int input, int length, float[] out, int at) {
      int column = first + panel * MicroTile.COLUMNS;
      int count = Math.min(MicroTile.COLUMNS, w.columns() - column);
      if (w.dtype().inBlocks()) {
        for (int i = 0; i < length; i++) {
          int to = at + i * MicroTile.COLUMNS;
          w.widen(input + i, column, count, out, to, 1);
          Arrays.fill(out, to + count, to + MicroTile.COLUMNS, 0f);
        }
        return;
      }
      int bytes = w.dtype().bytes();
      for (int i = 0; i < length; ) {
        int row = input + i;
        int rows = Math.min(length - i, w.contiguous(row));
        PanelColumns.pack(
            w.dtype(),
            w.segment(row),
            w.offset(row) + (long) column * bytes,
            (long) w.columns() * bytes,
            rows,
            count,
            out,
            at + i * MicroTile.COLUMNS);
        i += rows;
      }
    }
  }

  /** Columns of a tensor from {@code first} on. */
  private record TensorColumns(CpuTensor x, int first) implements BlockedProduct.Right {
    @Override
    public int inputs() {
      return x.rows();
    }

    @Override
    public void pack(int panel, int input, int length, float[] out, int at) {
      int column = first + panel * MicroTile.COLUMNS;
      int count = Math.min(MicroTile.COLUMNS, x.columns() - column);
      if (count == MicroTile.COLUMNS) {
        copy(x.data(), x.row(input) + column, x.columns(), length, out, at);
        return;
      }
      for (int i = 0; i < length; i++) {
        int to = at + i * MicroTile.COLUMNS;
        System.arraycopy(x.data(), x.row(input + i) + column, out, to, count);
        Arrays.fill(out, to + count, to + MicroTile.COLUMNS, 0f);
      }
    }

    /** Copies whole rows of a panel, which are too short for a call each. */
    private static void copy(float[] x, int first, int stride, int rows, float[] out, int at) {
      for (int i = 0; i < rows; i++) {
        int from = first + i * stride;
        int to = at + i * MicroTile.COLUMNS;
        FloatVector.fromArray(Lanes.FLOATS, x, from).intoArray(out, to);
        FloatVector.fromArray(Lanes.FLOATS, x, from + Lanes.COUNT).intoArray(out, to + Lanes.COUNT);
      }
    }
  }
}
