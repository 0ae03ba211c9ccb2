package org.pyramiddrop.kernels.cuda;

/**
 * How the backend works, for tests and benchmarks that compare its variants.
 *
 * @param graphs whether recordings become CUDA graphs, or run anew each time
 * @param reuse whether device memory is handed out again, or is of the exact size and freed at
 *     once, so that tools see every access outside of it
 * @param hopper whether a GPU of compute capability 9.0 runs the kernels made for it alone
 * @param libraryAdds whether cuBLASLt itself adds residuals of two bytes, see {@link
 *     CublasLtProducts}
 * @param tuning how the algorithms of products are chosen
 */
record CudaOptions(
    boolean graphs, boolean reuse, boolean hopper, boolean libraryAdds, Tuning tuning) {
  /**
   * {@code false} makes a GPU of compute capability 9.0 run the kernels that others run. On an H100
   * its own attention takes half to two thirds of the time; the gated product's is one of the
   * algorithms that are measured.
   */
  static final String HOPPER_PROPERTY = "pyramiddrop.cuda.hopper";

  /** {@code true} lets cuBLASLt add residuals: faster, and rounded twice. */
  static final String LIBRARY_ADDS_PROPERTY = "pyramiddrop.cuda.libraryAdds";

  /** The rest is as system properties say. */
  CudaOptions(boolean graphs, boolean reuse) {
    this(graphs, reuse, Tuning.ofProperty());
  }

  /** The rest is as system properties say. */
  CudaOptions(boolean graphs, boolean reuse, Tuning tuning) {
    this(
        graphs,
        reuse,
        !"false".equals(System.getProperty(HOPPER_PROPERTY)),
        Boolean.getBoolean(LIBRARY_ADDS_PROPERTY),
        tuning);
  }

  static CudaOptions defaults() {
    return new CudaOptions(true, true);
  }

  CudaOptions withHopper(boolean own) {
    return new CudaOptions(graphs, reuse, own, libraryAdds, tuning);
  }

  CudaOptions withLibraryAdds(boolean adds) {
    return new CudaOptions(graphs, reuse, hopper, adds, tuning);
  }
}
