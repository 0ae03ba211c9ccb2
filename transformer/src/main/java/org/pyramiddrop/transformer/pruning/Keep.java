package org.pyramiddrop.transformer.pruning;

import java.io.Serializable;
import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * How many image tokens of one image stay at a drop.
 *
 * <p>A count is the papers'; there is never more kept than there is. A share is taken as the
 * decimal number it is written as, so that 0.6 of 5 is 3; only {@link OfOriginalInDouble} computes
 * in binary floating point, to repeat what the authors' code does.
 */
public sealed interface Keep extends Serializable {

  /**
   * Returns how many tokens stay.
   *
   * @param original image tokens that enter the decoder
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

  /**
   * A number of tokens, or all where there are fewer.
   *
   * @param tokens at least 0
   */
  record Count(int tokens) implements Keep {
    /** Refuses a negative number. */
    public Count {
      if (tokens < 0) {
        throw new IllegalArgumentException("can't keep " + tokens + " tokens");
      }
    }

    @Override
    public int count(int original, int current) {
      return Math.min(tokens, current);
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
