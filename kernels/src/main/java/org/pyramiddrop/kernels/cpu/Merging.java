package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.Heads;

/** Tokens that go into others, by what their keys have in common. */
final class Merging {
  private Merging() {}

  /** The mean of each row's heads. */
  static void averageHeads(CpuTensor x, Heads heads, CpuTensor out) {
    for (int r = 0; r < x.rows(); r++) {
      for (int c = 0; c < heads.size(); c++) {
        float sum = 0;
        for (int h = 0; h < heads.keyValue(); h++) {
          sum += x.data()[x.row(r) + h * heads.size() + c];
        }
        out.data()[out.row(r) + c] = sum / heads.keyValue();
      }
    }
  }

  /** The place among the targets of the one whose row is most like each other row. */
  static int[] nearest(Workers workers, CpuTensor x, int[] targets, int[] others) {
    float[] lengths = new float[targets.length];
    for (int t = 0; t < targets.length; t++) {
      lengths[t] = length(x, targets[t]);
    }
    int[] nearest = new int[others.length];
    workers.byRow(
        others.length,
        Math.multiplyExact(targets.length, x.columns()),
        i -> nearest[i] = length(x, others[i]) > 0 ? nearest(x, others[i], targets, lengths) : 0);
    return nearest;
  }

  /** Of a row's cosines, which its own length doesn't order, the first of the highest. */
  private static int nearest(CpuTensor x, int row, int[] targets, float[] lengths) {
    int best = 0;
    float highest = Float.NEGATIVE_INFINITY;
    for (int t = 0; t < targets.length; t++) {
      float cosine = dot(x, row, targets[t]) / lengths[t];
      if (cosine > highest) {
        highest = cosine;
        best = t;
      }
    }
    return best;
  }

  /** A row's length; NaN where it has no direction. */
  private static float length(CpuTensor x, int row) {
    double squares = dot(x, row, row);
    return squares > 0 && squares < Float.POSITIVE_INFINITY
        ? (float) Math.sqrt(squares)
        : Float.NaN;
  }

  private static float dot(CpuTensor x, int a, int b) {
    return QueryAttention.dot(x.data(), x.row(a), x.data(), x.row(b), x.columns());
  }

  /** Each target's row and the mean of those that go into it. */
  static void merge(CpuTensor x, int[] targets, int[] others, int[] into, CpuTensor out) {
    int columns = x.columns();
    int[] counts = new int[targets.length];
    float[] sums = new float[targets.length * columns];
    for (int i = 0; i < others.length; i++) {
      counts[into[i]]++;
      int from = x.row(others[i]);
      int to = into[i] * columns;
      for (int c = 0; c < columns; c++) {
        sums[to + c] += x.data()[from + c];
      }
    }
    for (int t = 0; t < targets.length; t++) {
      int from = x.row(targets[t]);
      int to = out.row(t);
      for (int c = 0; c < columns; c++) {
        float own = x.data()[from + c];
        out.data()[to + c] = counts[t] == 0 ? own : own + sums[t * columns + c] / counts[t];
      }
    }
  }
}
