package org.pyramiddrop.cuda;

/** Which matrix of a product is transposed, and so how both lie. */
public enum Transposed {
  /**
   * {@code x · wᵀ}, of x {@code [rows, inputs]} and w {@code [outputs, inputs]}: a linear layer.
   */
  W,
  /** {@code x · w}, of x {@code [rows, inputs]} and w {@code [inputs, outputs]}. */
  NONE,
  /** {@code xᵀ · w}, of x {@code [inputs, rows]} and w {@code [inputs, outputs]}. */
  X
}
