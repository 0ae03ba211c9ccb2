package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;

/**
 * The cosines of all pairs of rows.
 *
 * <p>Each is summed input by input, whatever the two rows' places, so that equal rows have equal
 * cosines to the bit. The matrix is symmetric, and only what is below its diagonal is computed.
 */
final class Cosines {
  private final int rows;

  /** Row i and column j for j ≤ i; what is above the diagonal is undefined. */
  private final float[] matrix;

  private final boolean[] directed;

  private Cosines(int rows, float[] matrix, boolean[] directed) {
    this.rows = rows;
    this.matrix = matrix;
    this.directed = directed;
  }

  /** Compares all rows of a tensor with each other. */
  static Cosines ofAllPairs(Workers workers, BlockedProduct product, CpuTensor x) {
    int rows = x.rows();
    CpuTensor units = CpuTensor.allocate(rows, x.columns());
    boolean[] directed = new boolean[rows];
    workers.byRow(
        rows,
        x.columns(),
        r -> {
          double scale = 1 / length(x, r);
          directed[r] = !Double.isNaN(scale);
          for (int c = 0; c < x.columns(); c++) {
            units.data()[units.row(r) + c] = (float) (x.data()[x.row(r) + c] * scale);
          }
        });
    int panels = MatrixProduct.ceilDiv(rows, MicroTile.COLUMNS);
    float[] matrix = new float[Math.multiplyExact(rows, rows)];
    float[] left = product.packRows(units);
    int each = product.panelsPerTask(panels);
    workers.run(
        MatrixProduct.ceilDiv(panels, each),
        (task, worker) -> {
          int from = task * each * MicroTile.COLUMNS;
          int columns = Math.min(each * MicroTile.COLUMNS, rows - from);
          int tile = from / MicroTile.ROWS;
          int first = tile * MicroTile.ROWS;
          product.sums(
              left,
              tile,
              rows - first,
              new Rows(units, from),
              columns,
              worker,
              matrix,
              first * rows + from,
              rows,
              false);
        });
    return new Cosines(rows, matrix, directed);
  }

  /** The rows from one on as the right side of a product. */
  private record Rows(CpuTensor x, int first) implements BlockedProduct.Right {
    @Override
    public int inputs() {
      return x.columns();
    }

    @Override
    public void pack(int panel, int input, int length, float[] out, int at) {
      for (int j = 0; j < MicroTile.COLUMNS; j++) {
        int row = first + panel * MicroTile.COLUMNS + j;
        boolean there = row < x.rows();
        int from = there ? x.row(row) + input : 0;
        for (int i = 0; i < length; i++) {
          out[at + i * MicroTile.COLUMNS + j] = there ? x.data()[from + i] : 0;
        }
      }
    }
  }

  /** How many rows were compared. */
  int rows() {
    return rows;
  }

  /** Whether a row is neither zero nor out of numbers. */
  boolean directed(int row) {
    return directed[row];
  }

  /** The cosine of two rows, NaN where one has no direction. */
  float of(int a, int b) {
    return a > b ? matrix[a * rows + b] : matrix[b * rows + a];
  }

  /** A row's length; NaN where it has no direction. */
  private static double length(CpuTensor x, int row) {
    double squares = 0;
    for (int c = 0; c < x.columns(); c++) {
      double value = x.data()[x.row(row) + c];
      squares += value * value;
    }
    return squares > 0 && squares < Double.POSITIVE_INFINITY ? Math.sqrt(squares) : Double.NaN;
  }

  /** See {@link org.pyramiddrop.kernels.Kernels#relevance}. */
  static void relevance(Workers workers, CpuTensor x, CpuTensor text, CpuTensor out) {
    double[] mean = new double[x.columns()];
    for (int r = 0; r < text.rows(); r++) {
      for (int c = 0; c < mean.length; c++) {
        mean[c] += text.data()[text.row(r) + c];
      }
    }
    double[] cosines = new double[x.rows()];
    workers.byRow(
        x.rows(),
        x.columns(),
        r -> {
          double sum = 0;
          for (int c = 0; c < mean.length; c++) {
            sum += x.data()[x.row(r) + c] * mean[c];
          }
          cosines[r] = sum / length(x, r);
        });
    // The mean's own length scales all alike, which is undone here.
    double least = Arrays.stream(cosines).filter(Double::isFinite).min().orElse(0);
    double most = Arrays.stream(cosines).filter(Double::isFinite).max().orElse(0);
    for (int r = 0; r < cosines.length; r++) {
      double scaled = most > least ? (cosines[r] - least) / (most - least) : 1;
      out.data()[out.offset() + r] = Double.isNaN(cosines[r]) ? Float.NaN : (float) scaled;
    }
  }
}
