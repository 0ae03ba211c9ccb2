package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cublasLt_h;

/**
 * cuBLASLt, which multiplies matrices; with a workspace that all products share, so they run on one
 * stream at a time.
 */
public final class CublasLt extends NativeResource {
  /** What NVIDIA advises for Hopper; smaller GPUs want less. */
  private static final long WORKSPACE_BYTES = 32 << 20;

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
      CudaException failure = Status.cublas(status, "cublasLtCreate", "");
      workspace.close();
      throw failure;
    }
    return context.adopt(new CublasLt(context, out.get(ValueLayout.ADDRESS, 0), workspace));
  }

  /**
   * Finds the fastest known way to do a product; plans are worth keeping.
   *
   * <p>Sums are float32, also those of float32 matrices (no TF32) and those of parts that are added
   * up at the end.
   *
   * @throws CudaException if cuBLASLt has no way, naming the shape
   */
  public MatrixProduct plan(ProductShape shape) {
    use();
    ProductDescriptors descriptors = ProductDescriptors.of(shape);
    try {
      MemorySegment algorithm =
          Heuristic.choose(handle, descriptors, shape, workspace.bytes(), Arena.ofAuto());
      return context().adopt(new MatrixProduct(this, shape, descriptors, algorithm));
    } catch (CudaException e) {
      descriptors.destroy();
      throw e;
    }
  }

  MemorySegment handle() {
    use();
    return handle;
  }

  DeviceBuffer workspace() {
    return workspace;
  }

  @Override
  void release() {
    Closing closing = new Closing();
    closing.step(() -> Status.checkCublas(cublasLt_h.cublasLtDestroy(handle), "cublasLtDestroy"));
    closing.step(workspace::close);
    closing.finish();
  }
}
