package org.pyramiddrop.kernels;

/**
 * A matrix that training changes, in a device's memory: its value, the gradient that backward
 * operations add to, and AdamW's two moments, all {@code rows} × {@code columns} in float32.
 *
 * <p>A vector, such as a bias, is a matrix of one column.
 */
public interface Parameter extends AutoCloseable {
  /** What training keeps of a parameter from step to step. */
  enum Content {
    /** The numbers themselves. */
    VALUE,
    /** AdamW's running mean of gradients. */
    FIRST_MOMENT,
    /** AdamW's running mean of squared gradients. */
    SECOND_MOMENT
  }

  /** The number of rows; for a linear layer, its outputs. */
  int rows();

  /** The number of columns; for a linear layer, its inputs. */
  int columns();

  /**
   * The value as operations read it, in the type that the device computes in. It follows {@link
   * GradientKernels#adamW} and {@link GradientKernels#upload}, and is closed with the parameter.
   */
  Weight weight();

  /** The gradient, {@code rows} × {@code columns}, float32; closed with the parameter. */
  Tensor gradient();

  /** Frees everything; a second call does nothing. */
  @Override
  void close();
}
