package org.pyramiddrop.transformer.pruning;

/** Which rotary position a token has after a drop. */
public enum Positions {
  /**
   * The tokens that are left are numbered 0, 1, 2, … anew, for the layers after the drop only. A
   * generated token's position in a layer follows that layer's own length.
   */
  RENUMBER,

  /** Every token keeps the number it began with. */
  KEEP
}
