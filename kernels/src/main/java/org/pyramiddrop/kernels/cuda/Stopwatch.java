package org.pyramiddrop.kernels.cuda;

/** Times work on the GPU. */
interface Stopwatch {
  /**
   * Does work and says how long the GPU took for it.
   *
   * @param algorithm what the work is a run of
   * @return milliseconds
   */
  float millis(ProductAlgorithm algorithm, Runnable work);
}
