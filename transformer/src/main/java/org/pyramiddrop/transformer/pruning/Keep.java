package org.pyramiddrop.transformer.pruning;

import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * How many image tokens of one image stay at a drop.
 *
 * <p>A share is taken as the decimal number it is written as, so that 0.6 of 5 is 3; only {@link
 * OfOriginalInDouble} computes in binary floating point, to repeat what the authors' code does.
 */
public sealed interface Keep {

  /** The share that stays, from 0 to 1. */
  double share();

  /**
   * Returns how many tokens stay.
   *
   * @param original image tokens before any drop
   * @param current image tokens in the stage that ends
   */
  int count(int original, int current);

  /** ⌊share · current⌋: the paper, section 3.2. */
  record OfStage(double share) implements Keep {
    /** Refuses a share outside [0, 1]. */
    public OfStage {
      checkShare(share);
    }

    @Override
    public int count(int original, int current) {
      return exact(share, current, RoundingMode.FLOOR);
    }
  }

  /** ⌊share · original⌋. */
  record OfOriginal(double share) implements Keep {
    /** Refuses a share outside [0, 1]. */
    public OfOriginal {
      checkShare(share);
    }

    @Override
    public int count(int original, int current) {
      return exact(share, original, RoundingMode.FLOOR);
    }
  }

  /** share · original, multiplied in double and truncated, as the paper's authors released it. */
  record OfOriginalInDouble(double share) implements Keep {
    /** Refuses a share outside [0, 1]. */
    public OfOriginalInDouble {
      checkShare(share);
    }

    @Override
    public int count(int original, int current) {
      return (int) (original * share);
    }
  }

  /** share · original rounded to the nearest count, halves to even: FastV. */
  record Rounded(double share) implements Keep {
    /** Refuses a share outside [0, 1]. */
    public Rounded {
      checkShare(share);
    }

    @Override
    public int count(int original, int current) {
      return exact(share, original, RoundingMode.HALF_EVEN);
    }
  }

  private static int exact(double share, int tokens, RoundingMode rounding) {
    return BigDecimal.valueOf(share)
        .multiply(BigDecimal.valueOf(tokens))
        .setScale(0, rounding)
        .intValueExact();
  }

  private static void checkShare(double share) {
    if (!(share >= 0 && share <= 1)) {
      throw new IllegalArgumentException("keep ratio " + share + " is outside [0, 1]");
    }
  }
}
