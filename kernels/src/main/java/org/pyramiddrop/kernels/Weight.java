package org.pyramiddrop.kernels;

/**
 * A learnt matrix in the form its device wants: {@code rows} × {@code columns}, row-major as in the
 * checkpoint, so that a linear layer's matrix is output × input. A vector, such as a bias, is a
 * matrix of one column.
 *
 * <p>It may still read the memory it was made from, which therefore has to outlive it.
 */
public interface Weight extends AutoCloseable {
  /** The number of rows; for a linear layer, its outputs. */
  int rows();

  /** The number of columns; for a linear layer, its inputs. */
  int columns();

  /** How the numbers are stored. */
  DType dtype();

  /**
   * The rows from {@code first} on, as a view that frees nothing when closed.
   *
   * @throws IndexOutOfBoundsException if the rows reach outside this weight
   */
  Weight rows(int first, int count);

  /** Frees what the device took for it; a second call does nothing. */
  @Override
  void close();
}
