package org.pyramiddrop.kernels.cuda;

/**
 * How the backend works, for tests that compare ways of it.
 *
 * @param graphs whether recordings become CUDA graphs, or run anew each time
 * @param reuse whether device memory is handed out again, or is of the exact size and freed at
 *     once, so that tools see every access outside of it
 */
record CudaOptions(boolean graphs, boolean reuse) {
  static CudaOptions defaults() {
    return new CudaOptions(true, true);
  }
}
