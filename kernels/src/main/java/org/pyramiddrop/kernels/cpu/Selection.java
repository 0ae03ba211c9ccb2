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

  /** The {@code keep} of some places with the highest scores, then the others, both in order. */
  static int[] split(float[] scores, int origin, int[] places, int keep) {
    float[] own = new float[places.length];
    for (int i = 0; i < own.length; i++) {
      own[i] = scores[origin + places[i]];
    }
    int[] chosen = new int[keep];
    topK(own, 0, 0, own.length, keep, chosen, 0);
    int[] out = new int[places.length];
    int next = 0;
    int rest = keep;
    for (int i = 0; i < places.length; i++) {
      if (next < keep && chosen[next] == i) {
        out[next++] = places[i];
      } else {
        out[rest++] = places[i];
      }
    }
    return out;
  }

  /** The places of some numbers in ascending order, the lower place first among equals. */
  static int[] sortPlaces(int[] x) {
    long[] keys = new long[x.length];
    Arrays.setAll(keys, i -> (long) x[i] << 32 | i);
    Arrays.sort(keys);
    return Arrays.stream(keys).mapToInt(key -> (int) key).toArray();
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
