package org.pyramiddrop.kernels;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The choices of cuts before the decoder, written plainly, in double.
 *
 * <p>Where two different rows rank within a margin of each other, float32 may take either; a choice
 * that meets such a case is null, and says nothing. Exact ties are no such case.
 */
final class CutReference {
  private static final double LEAST_LEFT = 0x1p-16;

  private final float[] x;
  private final int columns;
  private final int rows;
  private final double margin;

  CutReference(float[] x, int columns, double margin) {
    this.x = x;
    this.columns = columns;
    this.rows = x.length / columns;
    this.margin = margin;
  }

  private double dot(int a, int b) {
    double sum = 0;
    for (int c = 0; c < columns; c++) {
      sum += (double) x[a * columns + c] * x[b * columns + c];
    }
    return sum;
  }

  private boolean directed(int row) {
    double squares = dot(row, row);
    return squares > 0 && Double.isFinite(squares);
  }

  private double cosine(int a, int b) {
    return directed(a) && directed(b)
        ? dot(a, b) / Math.sqrt(dot(a, a)) / Math.sqrt(dot(b, b))
        : Double.NaN;
  }

  /** See {@link Kernels#nearest}; null where a choice is closer than the margin. */
  int @Nullable [] nearest(int[] targets, int[] others) {
    int[] nearest = new int[others.length];
    for (int i = 0; i < others.length; i++) {
      int other = others[i];
      OptionalInt best =
          highest(IntStream.range(0, targets.length).toArray(), t -> cosine(other, targets[t]));
      if (best.isEmpty()) {
        return null;
      }
      nearest[i] = best.getAsInt();
    }
    return nearest;
  }

  /** See {@link Kernels#selectDiverse}; null where a choice is closer than the margin. */
  int @Nullable [] diverse(int count) {
    List<Integer> chosen = new ArrayList<>();
    while (chosen.size() < count) {
      int[] left = IntStream.range(0, rows).filter(i -> !chosen.contains(i)).toArray();
      OptionalInt best =
          highest(
              left,
              i -> {
                IntStream others =
                    chosen.isEmpty()
                        ? IntStream.range(0, rows).filter(j -> j != i)
                        : chosen.stream().mapToInt(Integer::intValue);
                double distance =
                    others
                        .filter(this::directed)
                        .mapToDouble(j -> first(i) == first(j) ? 0 : 1 - cosine(i, j))
                        .min()
                        .orElse(Double.MAX_VALUE);
                // Copies of two different rows are both 0 from theirs, but for what a device's
                // rounding makes of it.
                distance += distance == 0 ? first(i) * Double.MIN_VALUE : 0;
                return directed(i) ? distance : Double.NaN;
              });
      if (best.isEmpty()) {
        return null;
      }
      chosen.add(best.getAsInt());
    }
    return chosen.stream().mapToInt(Integer::intValue).sorted().toArray();
  }

  /** The first row that is equal to one. */
  private int first(int row) {
    float[] own = Arrays.copyOfRange(x, row * columns, (row + 1) * columns);
    return IntStream.range(0, row)
        .filter(i -> Arrays.equals(own, Arrays.copyOfRange(x, i * columns, (i + 1) * columns)))
        .findFirst()
        .orElse(row);
  }

  /** See {@link Kernels#selectDeterminantal}; null where a choice is closer than the margin. */
  int @Nullable [] determinantal(float[] relevance, int count) {
    List<Integer> chosen = new ArrayList<>();
    double[][] cosines = cosines();
    while (chosen.size() < count) {
      int[] left = IntStream.range(0, rows).filter(i -> !chosen.contains(i)).toArray();
      boolean singular = determinant(cosines, chosen, relevance) == 0;
      OptionalInt best =
          highest(
              left,
              i -> {
                if (Double.isNaN(cosines[i][i]) || Float.isNaN(relevance[i])) {
                  return Double.NaN;
                }
                double squared = (double) relevance[i] * relevance[i];
                return singular ? 0 : squared * left(cosines, chosen, i);
              });
      if (best.isEmpty()) {
        return null;
      }
      chosen.add(best.getAsInt());
    }
    return chosen.stream().mapToInt(Integer::intValue).sorted().toArray();
  }

  /**
   * The determinant of a kernel, as the product of what each row adds; 0 where one adds nothing.
   */
  private static double determinant(double[][] cosines, List<Integer> chosen, float[] relevance) {
    double product = 1;
    for (int i = 0; i < chosen.size(); i++) {
      int row = chosen.get(i);
      if (Double.isNaN(cosines[row][row]) || !(relevance[row] > 0)) {
        return 0;
      }
      product *= left(cosines, chosen.subList(0, i), row);
    }
    return product;
  }

  /** Those of all pairs of rows; a row's with itself is 1 and not nearly so, or ties were none. */
  private double[][] cosines() {
    double[][] cosines = new double[rows][rows];
    for (int a = 0; a < rows; a++) {
      for (int b = 0; b < rows; b++) {
        cosines[a][b] = a == b && directed(a) ? 1 : cosine(a, b);
      }
    }
    return cosines;
  }

  /** The part of a row's 1 that the chosen rows don't account for: det(with it) / det(without). */
  private static double left(double[][] cosines, List<Integer> chosen, int row) {
    List<Integer> with = new ArrayList<>(chosen);
    with.add(row);
    double[][] a = new double[with.size()][with.size()];
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j < a.length; j++) {
        a[i][j] = cosines[with.get(i)][with.get(j)];
      }
    }
    // Gaussian elimination: the last pivot is the quotient of the two determinants.
    for (int p = 0; p + 1 < a.length; p++) {
      for (int i = p + 1; i < a.length; i++) {
        double factor = a[i][p] / a[p][p];
        for (int j = p; j < a.length; j++) {
          a[i][j] -= factor * a[p][j];
        }
      }
    }
    double left = a[a.length - 1][a.length - 1];
    return left < LEAST_LEFT ? 0 : left;
  }

  /** The first of the candidates that rank highest; empty where a different row ranks as high. */
  private OptionalInt highest(int[] candidates, IntToDoubleFunction rank) {
    double[] ranks = Arrays.stream(candidates).mapToDouble(rank).toArray();
    int best = 0;
    for (int i = 1; i < ranks.length; i++) {
      if (ranks[i] > ranks[best] || (Double.isNaN(ranks[best]) && !Double.isNaN(ranks[i]))) {
        best = i;
      }
    }
    for (int i = 0; i < ranks.length; i++) {
      if (ranks[i] != ranks[best] && Math.abs(ranks[i] - ranks[best]) <= margin) {
        return OptionalInt.empty();
      }
    }
    return OptionalInt.of(candidates[best]);
  }

  /** The mean over heads of some rows. */
  static Expected averageHeads(float[] x, Heads heads) {
    int size = heads.size();
    int rows = x.length / heads.keyValueColumns();
    Expected expected = new Expected(rows, size);
    for (int i = 0; i < rows * size; i++) {
      double sum = 0;
      double scale = 0;
      for (int h = 0; h < heads.keyValue(); h++) {
        double term = x[(i / size * heads.keyValue() + h) * size + i % size];
        sum += term / heads.keyValue();
        scale += Math.abs(term) / heads.keyValue();
      }
      expected.set(i, sum, scale);
    }
    return expected;
  }

  /** See {@link Kernels#mergeRows}. */
  Expected merged(int[] targets, int[] others, int[] into) {
    Expected expected = new Expected(targets.length, columns);
    for (int t = 0; t < targets.length; t++) {
      int target = t;
      int[] merged = IntStream.range(0, others.length).filter(i -> into[i] == target).toArray();
      for (int c = 0; c < columns; c++) {
        double value = x[targets[t] * columns + c];
        double scale = Math.abs(value);
        for (int i : merged) {
          double term = (double) x[others[i] * columns + c] / merged.length;
          value += term;
          scale += Math.abs(term);
        }
        expected.set(t * columns + c, value, scale);
      }
    }
    return expected;
  }

  /** See {@link Kernels#relevance}; the errors of cosines grow by what they are scaled by. */
  Expected relevance(float[] text) {
    double[] mean = new double[columns];
    for (int i = 0; i < text.length; i++) {
      mean[i % columns] += text[i];
    }
    double length = Math.sqrt(Arrays.stream(mean).map(v -> v * v).sum());
    double[] cosines = new double[rows];
    for (int r = 0; r < rows; r++) {
      double sum = 0;
      for (int c = 0; c < columns; c++) {
        sum += x[r * columns + c] * mean[c];
      }
      cosines[r] = directed(r) ? sum / Math.sqrt(dot(r, r)) / length : Double.NaN;
    }
    double least = Arrays.stream(cosines).filter(Double::isFinite).min().orElse(0);
    double most = Arrays.stream(cosines).filter(Double::isFinite).max().orElse(0);
    Expected expected = new Expected(1, rows);
    for (int r = 0; r < rows; r++) {
      double scaled = most > least ? (cosines[r] - least) / (most - least) : 1;
      double value = Double.isNaN(cosines[r]) ? Double.NaN : scaled;
      expected.set(r, value, most > least ? 1 + 2 / (most - least) : 1);
      expected.amplified(1 + 2 / (most - least));
    }
    return expected;
  }
}
