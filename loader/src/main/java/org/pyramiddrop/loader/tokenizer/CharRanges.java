package org.pyramiddrop.loader.tokenizer;

import java.util.Arrays;

/** Ranges of characters as a sorted list of each one's first and last. */
final class CharRanges {
  private CharRanges() {}

  static boolean have(int[] bounds, int character) {
    int found = Arrays.binarySearch(bounds, character);
    // Between the first and the last of a range the insertion point is odd.
    return found >= 0 || (-found - 1) % 2 == 1;
  }
}
