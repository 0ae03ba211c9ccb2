package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.cuda.bindings.cublasLt_h;

/**
 * cuBLASLt, which multiplies matrices; with a workspace that all products share, so they run on one
 * stream at a time.
 */
public final class CublasLt extends NativeResource {
  /** What NVIDIA advises for Hopper; smaller GPUs want less. */
  private static final long WORKSPACE_BYTES = 32 << 20;

  /** The first version that takes a scale for each row. */
  private static final long ROW_SCALES_SINCE = 120900;

  /** The one compute capability that it does so on. */
  private static final int HOPPER = 90;

  private final MemorySegment handle;
  private final DeviceBuffer workspace;

  private CublasLt(Context context, MemorySegment handle, DeviceBuffer workspace) {
    super(context, "cuBLASLt handle");
    this.handle = handle;
    this.workspace = workspace;
  }

  /**
   * Starts cuBLASLt on a context.
   *
   * @throws CudaException if it fails, or has no memory for its workspace
   */
  public static CublasLt open(Context context) {
    DeviceBuffer workspace = context.allocate(WORKSPACE_BYTES);
    MemorySegment out = context.out();
    int status = cublasLt_h.cublasLtCreate(out);
    if (status != cublasLt_h.CUBLAS_STATUS_SUCCESS()) {
      CudaException failure = Status.cublasFailure(status, "cublasLtCreate", "");
      workspace.close();
      throw failure;
    }
    return context.register(new CublasLt(context, out.get(ValueLayout.ADDRESS, 0), workspace));
  }

  /** The library's version, 130100 for 13.1.0. */
  public long version() {
    requireOpen();
    return cublasLt_h.cublasLtGetVersion();
  }

  /**
   * Whether products of {@link ElementType#FLOAT8_E4M3} can be asked for: cuBLASLt has a scale for
   * each row since version 12.9, and on compute capability 9.0 only. Where it is false, {@link
   * #algorithms} has none for them.
   */
  public boolean supportsFloat8() {
    return version() >= ROW_SCALES_SINCE && context().computeCapability() == HOPPER;
  }

  /**
   * The algorithms for a product, the one that the library expects to be fastest first; empty if it
   * has none. Those that split the inputs and add up the parts (split-k) are among them.
   *
   * <p>Sums are float32, also those of float32 matrices (no TF32) and those of parts that are added
   * up at the end.
   *
   * @param most how many are wanted, at least 1
   */
  public List<CublasLtAlgorithm> algorithms(ProductShape shape, int most) {
    requireOpen();
    if (most < 1) {
      throw new IllegalArgumentException("%d algorithms can't be asked for".formatted(most));
    }
    if (shape.scaled() && !supportsFloat8()) {
      return List.of();
    }
    ProductDescriptors descriptors = ProductDescriptors.of(shape);
    try {
      return CublasLtHeuristic.algorithms(handle, descriptors, shape, workspace.bytes(), most);
    } finally {
      descriptors.destroy();
    }
  }

  /**
   * Plans a product by the first of {@link #algorithms}; plans are worth keeping.
   *
   * @throws CudaException if cuBLASLt has no algorithm, naming the shape
   */
  public MatrixProduct plan(ProductShape shape) {
    List<CublasLtAlgorithm> first = algorithms(shape, 1);
    if (first.isEmpty()) {
      throw Status.cublasFailure(
          cublasLt_h.CUBLAS_STATUS_NOT_SUPPORTED(),
          "cublasLtMatmulAlgoGetHeuristic",
          "asked for " + shape);
    }
    ProductDescriptors descriptors = ProductDescriptors.of(shape);
    return plan(shape, descriptors, first.getFirst().in(Arena.ofAuto()));
  }

  /**
   * Plans a product by an algorithm, which may be one found for another shape or in another
   * process.
   *
   * @return empty if the library does not do this product by it
   */
  public Optional<MatrixProduct> plan(ProductShape shape, CublasLtAlgorithm algorithm) {
    requireOpen();
    if (shape.scaled() && !supportsFloat8()) {
      return Optional.empty();
    }
    ProductDescriptors descriptors = ProductDescriptors.of(shape);
    MemorySegment bytes = algorithm.in(Arena.ofAuto());
    if (CublasLtHeuristic.accepts(handle, descriptors, bytes, workspace.bytes())) {
      return Optional.of(plan(shape, descriptors, bytes));
    }
    descriptors.destroy();
    return Optional.empty();
  }

  private MatrixProduct plan(
      ProductShape shape, ProductDescriptors descriptors, MemorySegment algorithm) {
    return context().register(new MatrixProduct(this, shape, descriptors, algorithm));
  }

  MemorySegment handle() {
    requireOpen();
    return handle;
  }

  DeviceBuffer workspace() {
    return workspace;
  }

  @Override
  void release() {
    Cleanup cleanup = new Cleanup();
    cleanup.run(() -> Status.checkCublas(cublasLt_h.cublasLtDestroy(handle), "cublasLtDestroy"));
    cleanup.run(workspace::close);
    cleanup.throwFailure();
  }
}
