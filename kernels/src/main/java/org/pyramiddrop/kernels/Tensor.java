package org.pyramiddrop.kernels;

/**
 * Activations in a device's memory: {@code rows} × {@code columns} numbers, row-major.
 *
 * <p>A tensor belongs to whoever allocated it and is freed once, by {@link #close}. A view ({@link
 * #rows(int, int)}) shares its owner's memory and must not outlive it; closing a view frees
 * nothing.
 */
public interface Tensor extends AutoCloseable {
  /** The number of rows; usually tokens. */
  int rows();

  /** The number of columns; usually channels. */
  int columns();

  /** How the numbers are stored. */
  DType dtype();

  /**
   * The rows from {@code first} on, as a view.
   *
   * @throws IndexOutOfBoundsException if the rows reach outside this tensor
   */
  Tensor rows(int first, int count);

  /** Frees the memory; a second call does nothing. */
  @Override
  void close();
}
