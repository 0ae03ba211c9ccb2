package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;

/** The highest scores, kept in their order. */
final class Selection {
  private Selection() {}

  /**
   * Places of the {@code keep} highest of {@code scores[first .. first+count)}, counted from {@code
   * origin}, ascending, into {@code out[at ..]}.
   *
   * <p>A score and its place make one long: the score's bits as an ordered int above, the place
   * counted down below, so that sorting longs prefers the higher score and among equals the lower
   * place.
   */
  static void topK(float[] scores, int origin, int first, int count, int keep, int[] out, int at) {
    long[] keys = new long[count];
    for (int i = 0; i < count; i++) {
      keys[i] = (long) ordered(scores[origin + first + i]) << 32 | (count - 1 - i);
    }
    Arrays.sort(keys);
    for (int i = 0; i < keep; i++) {
      out[at + i] = first + count - 1 - (int) keys[count - 1 - i];
    }
    Arrays.sort(out, at, at + keep);
  }

  /** An int that is ordered as the float is; both zeros are one, NaN is below everything. */
  private static int ordered(float score) {
    if (Float.isNaN(score)) {
      return Integer.MIN_VALUE;
    }
    int bits = Float.floatToRawIntBits(score + 0f);
    return bits >= 0 ? bits : bits ^ 0x7fffffff;
  }
}
