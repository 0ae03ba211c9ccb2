package org.pyramiddrop.loader.tokenizer;

import java.util.Arrays;

/** A map from pairs of numbers to numbers from 0 on, without an object for each. */
final class PairTable {
  /** What is found for a pair that is not there. */
  static final int NONE = -1;

  private static final long FREE = -1;

  private long[] pairs;
  private int[] values;
  private int size;

  PairTable(int expected) {
    int capacity = Integer.highestOneBit(Math.max(expected, 8)) * 4;
    pairs = new long[capacity];
    values = new int[capacity];
    Arrays.fill(pairs, FREE);
  }

  /** The value of a pair of numbers from 0 on, or {@link #NONE}. */
  int get(int left, int right) {
    return values[slot(pair(left, right))] - 1;
  }

  /** Sets the value of a pair, whether it had one or not. */
  void put(int left, int right, int value) {
    int slot = slot(pair(left, right));
    if (pairs[slot] == FREE) {
      if (2 * ++size > pairs.length) {
        grow();
        slot = slot(pair(left, right));
      }
      pairs[slot] = pair(left, right);
    }
    // Free slots hold 0, so that a miss needs no second look.
    values[slot] = value + 1;
  }

  private void grow() {
    long[] oldPairs = pairs;
    int[] oldValues = values;
    pairs = new long[2 * oldPairs.length];
    values = new int[pairs.length];
    Arrays.fill(pairs, FREE);
    for (int i = 0; i < oldPairs.length; i++) {
      if (oldPairs[i] != FREE) {
        int slot = slot(oldPairs[i]);
        pairs[slot] = oldPairs[i];
        values[slot] = oldValues[i];
      }
    }
  }

  private int slot(long pair) {
    int mask = pairs.length - 1;
    long mixed = pair * 0x9E3779B97F4A7C15L;
    int slot = (int) (mixed >>> 32) & mask;
    while (pairs[slot] != FREE && pairs[slot] != pair) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private static long pair(int left, int right) {
    return ((long) left << 32) | (right & 0xFFFFFFFFL);
  }
}
