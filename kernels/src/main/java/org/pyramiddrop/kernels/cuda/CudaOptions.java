package org.pyramiddrop.kernels.cuda;

/**
 * How the backend works, for tests and benchmarks that compare ways of it.
 *
 * @param graphs whether recordings become CUDA graphs, or run anew each time
 * @param reuse whether device memory is handed out again, or is of the exact size and freed at
 *     once, so that tools see every access outside of it
 * @param hopper whether a GPU of compute capability 9.0 runs the kernels made for it alone; without
 *     the system property {@code pyramiddrop.cuda.hopper=true} it doesn't
 */
record CudaOptions(boolean graphs, boolean reuse, boolean hopper) {
  static CudaOptions defaults() {
    return new CudaOptions(true, true, Boolean.getBoolean("pyramiddrop.cuda.hopper"));
  }
}
