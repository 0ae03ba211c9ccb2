package org.pyramiddrop.kernels.cuda;

/** Times work on the GPU. */
interface Stopwatch {
  /**
   * Does work and says how long the GPU took for it.
   *
   * @param way what the work is a run of
   * @return milliseconds
   */
  float millis(Way way, Runnable work);
}
