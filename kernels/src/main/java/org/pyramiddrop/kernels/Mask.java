package org.pyramiddrop.kernels;

/** Which keys a query row may see. */
public sealed interface Mask {
  /** Every row sees every key, as in the vision tower. */
  record Full() implements Mask {}

  /** The queries are the last rows of the sequence that the keys belong to. */
  record Causal() implements Mask {}

  /**
   * Row {@code i} sees keys 0 to {@code lastKey[i]}, that one included: rows picked out of a
   * sequence.
   *
   * @param lastKey one key number a row
   */
  record UpTo(Indices lastKey) implements Mask {}
}
