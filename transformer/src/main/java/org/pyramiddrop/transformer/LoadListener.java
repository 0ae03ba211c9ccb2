package org.pyramiddrop.transformer;

/** Hears how far loading is, on the thread that loads. */
@FunctionalInterface
public interface LoadListener {
  /**
   * A matrix is converted.
   *
   * @param done how many are
   * @param all how many will be
   */
  void converted(int done, int all);
}
