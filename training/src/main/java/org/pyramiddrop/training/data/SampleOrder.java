package org.pyramiddrop.training.data;

/**
 * The order in which an epoch goes through samples. It follows from its arguments alone, on every
 * JVM and in every version of Java, so that a run can be repeated, and taken up again in the middle
 * of an epoch.
 */
public final class SampleOrder {
  /** What SplitMix64's state grows by: 2^64 over the golden ratio. */
  private static final long GOLDEN = 0x9E3779B97F4A7C15L;

  private long state;

  private SampleOrder(long state) {
    this.state = state;
  }

  /**
   * A permutation of {@code 0 … count - 1}: Fisher–Yates over SplitMix64 (Steele, Lea and Flood,
   * "Fast Splittable Pseudorandom Number Generators", 2014).
   *
   * @param epoch from 0; each has an order of its own
   */
  public static int[] of(long seed, int epoch, int count) {
    if (count < 0) {
      throw new IllegalArgumentException("an order of " + count + " samples");
    }
    // Mixed before they are joined: seeds next to each other mustn't share epochs.
    SampleOrder random = new SampleOrder(mixed(seed + GOLDEN) + mixed(~(long) epoch));
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int other = random.below(i + 1);
      order[i] = order[other];
      order[other] = i;
    }
    return order;
  }

  private static long mixed(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }

  /** A number from 0 to {@code bound - 1}, each as likely as the others. */
  private int below(int bound) {
    while (true) {
      state += GOLDEN;
      long bits = mixed(state) >>> 1;
      long number = bits % bound;
      // The last, incomplete run of numbers would make small ones likelier.
      if (bits - number + (bound - 1) >= 0) {
        return (int) number;
      }
    }
  }
}
