package org.pyramiddrop.kernels.cuda;

/**
 * How the backend works, for tests and benchmarks that compare its variants.
 *
 * @param graphs whether recordings become CUDA graphs, or run anew each time
 * @param reuse whether device memory is handed out again, or is of the exact size and freed at
 *     once, so that tools see every access outside of it
 * @param hopper whether a GPU of compute capability 9.0 runs the kernels made for it alone
 * @param fusedDecode whether a decode step's rotary, cache and attention are one kernel
 * @param clusterDecode whether attention of a few rows is joined within clusters of blocks, where
 *     {@code hopper} kernels are used
 * @param recordFirst whether work is recorded before its first run, which then is the recording's
 * @param busyRows how many rows of work that can be split are run at a time
 * @param libraryAdds whether cuBLASLt itself adds residuals of two bytes, see {@link
 *     CublasLtProducts}
 * @param tuning how the algorithms of products are chosen
 */
record CudaOptions(
    boolean graphs,
    boolean reuse,
    boolean hopper,
    boolean fusedDecode,
    boolean clusterDecode,
    boolean recordFirst,
    int busyRows,
    boolean libraryAdds,
    Tuning tuning) {
  /**
   * {@code false} makes a GPU of compute capability 9.0 run the kernels that others run. On an H100
   * its own attention takes half to two thirds of the time; the gated product's is one of the
   * algorithms that are measured. Products by {@code FP8} leave activations as they are then.
   */
  static final String HOPPER_PROPERTY = "pyramiddrop.cuda.hopper";

  /** {@code false} makes rotary and cache a kernel of their own before attention. */
  static final String FUSED_DECODE_PROPERTY = "pyramiddrop.cuda.fusedDecode";

  /** {@code false} joins the parts of a decode step's attention through global memory. */
  static final String CLUSTER_DECODE_PROPERTY = "pyramiddrop.cuda.clusterDecode";

  /** {@code true} makes a prompt of a length not met before wait for its recording. */
  static final String RECORD_FIRST_PROPERTY = "pyramiddrop.cuda.recordFirst";

  /** Rows of crops that go through a vision tower together; 1 takes them one by one. */
  static final String BUSY_ROWS_PROPERTY = "pyramiddrop.cuda.busyRows";

  /**
   * On an H100 the products of a vision tower reach half of what they can at 577 rows, and nearly
   * all at 2885, the rows of five crops.
   */
  private static final int BUSY_ROWS = 3072;

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
        !"false".equals(System.getProperty(FUSED_DECODE_PROPERTY)),
        !"false".equals(System.getProperty(CLUSTER_DECODE_PROPERTY)),
        Boolean.getBoolean(RECORD_FIRST_PROPERTY),
        Math.max(1, Integer.getInteger(BUSY_ROWS_PROPERTY, BUSY_ROWS)),
        Boolean.getBoolean(LIBRARY_ADDS_PROPERTY),
        tuning);
  }

  static CudaOptions defaults() {
    return new CudaOptions(true, true);
  }

  CudaOptions withHopper(boolean own) {
    return new CudaOptions(
        graphs, reuse, own, fusedDecode, clusterDecode, recordFirst, busyRows, libraryAdds, tuning);
  }

  CudaOptions withLibraryAdds(boolean adds) {
    return new CudaOptions(
        graphs, reuse, hopper, fusedDecode, clusterDecode, recordFirst, busyRows, adds, tuning);
  }
}
