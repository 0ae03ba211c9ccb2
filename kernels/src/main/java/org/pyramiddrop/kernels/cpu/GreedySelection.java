package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;

/** Choices of rows that are unlike each other, one after the other. */
final class GreedySelection {
  /** What is left of a row's own 1 counts as nothing below this. */
  private static final double LEAST_LEFT = 0x1p-16;

  /** Ranks below every number. */
  private static final double NOT_A_NUMBER = Double.NEGATIVE_INFINITY;

  private GreedySelection() {}

  /** See {@link org.pyramiddrop.kernels.Kernels#selectDiverse}. */
  static int[] diverse(Cosines cosines, int count) {
    int rows = cosines.rows();
    boolean[] chosen = new boolean[rows];
    double[] nearness = new double[rows];
    Arrays.fill(nearness, Double.NEGATIVE_INFINITY);
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < i; j++) {
        if (cosines.directed(i) && cosines.directed(j)) {
          nearness[i] = Math.max(nearness[i], cosines.of(i, j));
          nearness[j] = Math.max(nearness[j], cosines.of(i, j));
        }
      }
    }
    for (int n = 0; n < count; n++) {
      int best = highest(chosen, i -> cosines.directed(i) ? distance(nearness[i]) : NOT_A_NUMBER);
      chosen[best] = true;
      for (int i = 0; i < rows; i++) {
        if (cosines.directed(i)) {
          double before = n == 0 ? Double.NEGATIVE_INFINITY : nearness[i];
          nearness[i] = cosines.directed(best) ? Math.max(before, cosines.of(i, best)) : before;
        }
      }
    }
    return places(chosen, count);
  }

  /** The distance that goes with a cosine; large, but a number, where there is no other row. */
  private static double distance(double cosine) {
    return Math.min(1 - cosine, Double.MAX_VALUE);
  }

  /** See {@link org.pyramiddrop.kernels.Kernels#selectDeterminantal}. */
  static int[] determinantal(Cosines cosines, float[] relevance, int count) {
    int rows = cosines.rows();
    boolean[] chosen = new boolean[rows];
    double[] left = new double[rows];
    Arrays.fill(left, 1);
    // Row t: what chosen row t accounts for of each row, a column of the Cholesky factor.
    double[][] factor = new double[count][];
    boolean singular = false;
    for (int n = 0; n < count; n++) {
      boolean zero = singular;
      int best =
          highest(
              chosen,
              i -> {
                double r = relevance[i];
                if (Double.isNaN(r) || !cosines.directed(i)) {
                  return NOT_A_NUMBER;
                }
                return zero || left[i] < LEAST_LEFT ? 0 : r * r * left[i];
              });
      chosen[best] = true;
      singular =
          singular || !(relevance[best] > 0 && cosines.directed(best) && left[best] >= LEAST_LEFT);
      if (!singular) {
        factor[n] = column(cosines, factor, n, best, left[best]);
        for (int i = 0; i < rows; i++) {
          left[i] -= factor[n][i] * factor[n][i];
        }
      }
    }
    return places(chosen, count);
  }

  /** The factor's next column, for a row that is chosen. */
  private static double[] column(
      Cosines cosines, double[][] factor, int columns, int row, double left) {
    double[] sums = new double[cosines.rows()];
    for (int t = 0; t < columns; t++) {
      double[] f = factor[t];
      double own = f[row];
      for (int i = 0; i < sums.length; i++) {
        sums[i] += own * f[i];
      }
    }
    double root = Math.sqrt(left);
    for (int i = 0; i < sums.length; i++) {
      sums[i] = cosines.directed(i) ? (cosines.of(row, i) - sums[i]) / root : 0;
    }
    return sums;
  }

  /** What a row is chosen by. */
  @FunctionalInterface
  private interface Rank {
    double of(int row);
  }

  /** The first of the highest ranks among rows that aren't chosen yet. */
  private static int highest(boolean[] chosen, Rank rank) {
    int best = -1;
    double highest = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < chosen.length; i++) {
      if (!chosen[i] && (best < 0 || rank.of(i) > highest)) {
        best = i;
        highest = rank.of(i);
      }
    }
    return best;
  }

  private static int[] places(boolean[] chosen, int count) {
    int[] places = new int[count];
    int at = 0;
    for (int i = 0; i < chosen.length; i++) {
      if (chosen[i]) {
        places[at++] = i;
      }
    }
    return places;
  }
}
