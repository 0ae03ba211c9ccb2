package org.pyramiddrop.loader.tokenizer;

/**
 * Which choices of a pattern were already taken where in a text. Met again in the search for a
 * match, they fail again; so none is tried twice.
 */
final class FailedBranches {
  /** Remembers nothing. */
  static final FailedBranches FORGOTTEN = new FailedBranches(0, 0, 0);

  private final int forks;
  private final int from;
  private final long[] bits;

  /** For indices of a text from {@code from} to its end. */
  FailedBranches(int forks, int from, int end) {
    this.forks = forks;
    this.from = from;
    this.bits = new long[Math.toIntExact((long) forks * (end - from + 1) / Long.SIZE + 1)];
  }

  /** Whether a choice at an index is taken for the first time, which is remembered. */
  boolean isNew(int fork, int index) {
    if (forks == 0) {
      return true;
    }
    long bit = (long) forks * (index - from) + fork;
    int word = (int) (bit / Long.SIZE);
    boolean isNew = (bits[word] & 1L << bit) == 0;
    bits[word] |= 1L << bit;
    return isNew;
  }

  /**
   * Forgets an index at which a match ended: the choices on the way to it did not fail, and those
   * at its end can be met again.
   */
  void forget(int index) {
    long first = (long) forks * (index - from);
    for (long bit = first; bit < first + forks; bit++) {
      bits[(int) (bit / Long.SIZE)] &= ~(1L << bit);
    }
  }
}
