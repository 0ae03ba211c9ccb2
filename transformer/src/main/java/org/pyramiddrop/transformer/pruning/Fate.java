package org.pyramiddrop.transformer.pruning;

import java.io.Serializable;

/** What becomes of the tokens that a cut doesn't choose. */
public sealed interface Fate extends Serializable {

  /** They are gone. */
  record Dropped() implements Fate {}

  /**
   * Of the R that are left, in their order, some are targets: those at 0, s, 2s, … with s = max(1,
   * ⌊R / targets⌋). Each other one goes to the target whose key is most like its own, and a target
   * becomes its own feature plus the mean of those that went to it (VisionZip, Yang et al. 2024).
   *
   * @param targets how many; fewer where fewer tokens are left
   */
  record Merged(int targets) implements Fate {
    /** Refuses a number below 0. */
    public Merged {
      if (targets < 0) {
        throw new IllegalArgumentException(
            "the tokens that others are merged into can't be " + targets);
      }
    }

    /** How many of {@code left} tokens become targets. */
    public int count(int left) {
      return Math.min(targets, left);
    }

    /** The places of the targets among {@code left} tokens, ascending. */
    public int[] places(int left) {
      int count = count(left);
      int step = count == 0 ? 1 : Math.max(1, left / count);
      int[] places = new int[count];
      for (int i = 0; i < count; i++) {
        places[i] = i * step;
      }
      return places;
    }
  }
}
