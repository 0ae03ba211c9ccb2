package org.pyramiddrop.kernels.cpu;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorSpecies;

/**
 * The innermost product: a tile of 5 or 6 rows × 2 vectors of sums, kept in registers over a run of
 * inputs.
 *
 * <p>The compiler keeps three broadcasts in flight beside the panel's two vectors, so the 16
 * registers of AVX2 hold ten sums: a twelfth was seen to live in memory, which halved the speed.
 * With 512-bit vectors there are 32 registers. Whether sums stay in registers is fragile, so the
 * tile's loads and stores all stand in this one method, and {@code MatrixProductBenchmark} watches
 * it.
 */
final class MicroTile {
  private static final VectorSpecies<Float> S = Lanes.FLOATS;

  /** Rows of a tile. */
  static final int ROWS = Lanes.FLOATS.vectorBitSize() == 512 ? 6 : 5;

  private static final boolean SIX = ROWS == 6;

  /** Columns of a tile. */
  static final int COLUMNS = 2 * Lanes.COUNT;

  private static final int HALF = Lanes.COUNT;

  /** The rows of a tile among the lanes of a vector, where they fit. */
  private static final VectorMask<Float> ROW_LANES = S.indexInRange(0, ROWS);

  private MicroTile() {}

  /**
   * Copies one input of a tile's rows, which lie side by side, to {@code left[to ..]}; rows from
   * {@code there} on are zero.
   */
  static void copyInput(float[] x, int at, int there, float[] left, int to) {
    if (there == ROWS && Lanes.COUNT >= ROWS) {
      FloatVector.fromArray(S, x, at, ROW_LANES).intoArray(left, to, ROW_LANES);
    } else {
      for (int r = 0; r < ROWS; r++) {
        left[to + r] = r < there ? x[at + r] : 0;
      }
    }
  }

  /**
   * {@code c[r][j] (+)= Σ_i a[i][r] · b[i][j]}.
   *
   * @param a left side, {@link #ROWS} numbers of one input after the other, from {@code a[ai]} on
   * @param b right side, {@link #COLUMNS} numbers of one input after the other, from {@code b[bi]}
   *     on
   * @param inputs how many inputs are summed
   * @param c row r from {@code c[ci + r·stride]} on
   * @param accumulate whether c's numbers are added to, or replaced
   */
  static void multiply(
      float[] a,
      int ai,
      float[] b,
      int bi,
      int inputs,
      float[] c,
      int ci,
      int stride,
      boolean accumulate) {
    if (!accumulate) {
      FloatVector zero = FloatVector.zero(S);
      for (int r = 0; r < ROWS; r++) {
        zero.intoArray(c, ci + r * stride);
        zero.intoArray(c, ci + r * stride + HALF);
      }
    }
    add(a, ai, b, bi, inputs, c, ci, stride);
  }

  /**
   * The same, always added to c's numbers: the compiler's work must not depend on which way a
   * branch had gone before, nor on how much it had to take in. With loads under a mask in the
   * branch's place, the first compiler ran out of registers and the second one never got to work.
   */
  private static void add(
      float[] a, int ai, float[] b, int bi, int inputs, float[] c, int ci, int stride) {
    FloatVector s00 = FloatVector.fromArray(S, c, ci);
    FloatVector s01 = FloatVector.fromArray(S, c, ci + HALF);
    FloatVector s10 = FloatVector.fromArray(S, c, ci + stride);
    FloatVector s11 = FloatVector.fromArray(S, c, ci + stride + HALF);
    FloatVector s20 = FloatVector.fromArray(S, c, ci + 2 * stride);
    FloatVector s21 = FloatVector.fromArray(S, c, ci + 2 * stride + HALF);
    FloatVector s30 = FloatVector.fromArray(S, c, ci + 3 * stride);
    FloatVector s31 = FloatVector.fromArray(S, c, ci + 3 * stride + HALF);
    FloatVector s40 = FloatVector.fromArray(S, c, ci + 4 * stride);
    FloatVector s41 = FloatVector.fromArray(S, c, ci + 4 * stride + HALF);
    FloatVector s50 = s40;
    FloatVector s51 = s41;
    if (SIX) {
      s50 = FloatVector.fromArray(S, c, ci + 5 * stride);
      s51 = FloatVector.fromArray(S, c, ci + 5 * stride + HALF);
    }
    for (int i = 0; i < inputs; i++) {
      int left = ai + i * ROWS;
      int right = bi + i * COLUMNS;
      FloatVector b0 = FloatVector.fromArray(S, b, right);
      FloatVector b1 = FloatVector.fromArray(S, b, right + HALF);
      FloatVector x = FloatVector.broadcast(S, a[left]);
      s00 = x.fma(b0, s00);
      s01 = x.fma(b1, s01);
      x = FloatVector.broadcast(S, a[left + 1]);
      s10 = x.fma(b0, s10);
      s11 = x.fma(b1, s11);
      x = FloatVector.broadcast(S, a[left + 2]);
      s20 = x.fma(b0, s20);
      s21 = x.fma(b1, s21);
      x = FloatVector.broadcast(S, a[left + 3]);
      s30 = x.fma(b0, s30);
      s31 = x.fma(b1, s31);
      x = FloatVector.broadcast(S, a[left + 4]);
      s40 = x.fma(b0, s40);
      s41 = x.fma(b1, s41);
      if (SIX) {
        x = FloatVector.broadcast(S, a[left + 5]);
        s50 = x.fma(b0, s50);
        s51 = x.fma(b1, s51);
      }
    }
    s00.intoArray(c, ci);
    s01.intoArray(c, ci + HALF);
    s10.intoArray(c, ci + stride);
    s11.intoArray(c, ci + stride + HALF);
    s20.intoArray(c, ci + 2 * stride);
    s21.intoArray(c, ci + 2 * stride + HALF);
    s30.intoArray(c, ci + 3 * stride);
    s31.intoArray(c, ci + 3 * stride + HALF);
    s40.intoArray(c, ci + 4 * stride);
    s41.intoArray(c, ci + 4 * stride + HALF);
    if (SIX) {
      s50.intoArray(c, ci + 5 * stride);
      s51.intoArray(c, ci + 5 * stride + HALF);
    }
  }
}
