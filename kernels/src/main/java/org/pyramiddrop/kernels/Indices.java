package org.pyramiddrop.kernels;

/** Row numbers or positions in a device's memory, so that a choice made there is used there. */
public interface Indices extends AutoCloseable {
  /** How many numbers these are. */
  int size();

  /**
   * The numbers from {@code first} on, sharing this one's memory; closing them frees nothing.
   *
   * @throws IndexOutOfBoundsException if they reach outside
   */
  Indices part(int first, int count);

  /** Frees the memory; a second call does nothing. */
  @Override
  void close();
}
