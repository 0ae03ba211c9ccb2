package org.pyramiddrop.kernels.cuda;

/**
 * How the backend works, for tests and benchmarks that compare ways of it.
 *
 * @param graphs whether recordings become CUDA graphs, or run anew each time
 * @param reuse whether device memory is handed out again, or is of the exact size and freed at
 *     once, so that tools see every access outside of it
 * @param hopper whether a GPU of compute capability 9.0 runs the kernels made for it alone
 * @param tuning how the ways of products are chosen
 */
record CudaOptions(boolean graphs, boolean reuse, boolean hopper, Tuning tuning) {
  /** {@code true} lets kernels run that no GPU has tried yet: those for compute capability 9.0. */
  static final String HOPPER_PROPERTY = "pyramiddrop.cuda.hopper";

  /** The rest is as system properties say. */
  CudaOptions(boolean graphs, boolean reuse) {
    this(graphs, reuse, Tuning.ofProperty());
  }

  /** The rest is as system properties say. */
  CudaOptions(boolean graphs, boolean reuse, Tuning tuning) {
    this(graphs, reuse, Boolean.getBoolean(HOPPER_PROPERTY), tuning);
  }

  static CudaOptions defaults() {
    return new CudaOptions(true, true);
  }
}
