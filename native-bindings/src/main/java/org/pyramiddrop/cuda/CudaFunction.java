package org.pyramiddrop.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cuda_h;

/** A kernel of a module. Its only parameter is a struct, passed by value. */
public final class CudaFunction {
  private final CudaModule module;
  private final String name;
  private final MemorySegment handle;

  CudaFunction(CudaModule module, String name, MemorySegment handle) {
    this.module = module;
    this.name = name;
    this.handle = handle;
  }

  /** The kernel's name in the binary. */
  public String name() {
    return name;
  }

  /** Registers a thread uses. */
  public int registers() {
    return attribute(cuda_h.CU_FUNC_ATTRIBUTE_NUM_REGS());
  }

  /** Local memory a thread uses, in bytes; more than 0 means that registers spill. */
  public int localBytes() {
    return attribute(cuda_h.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES());
  }

  /** Shared memory of fixed size that a block uses, in bytes. */
  public int sharedBytes() {
    return attribute(cuda_h.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES());
  }

  /** The most threads a block of this kernel can have on this GPU. */
  public int maxThreads() {
    return attribute(cuda_h.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK());
  }

  /**
   * Lets launches ask for this much shared memory, which is needed above 48 KiB.
   *
   * @param bytes at most {@link Context#maxSharedBytes} less {@link #sharedBytes}
   */
  public void allowSharedBytes(int bytes) {
    module.requireOpen();
    Status.check(
        cuda_h.cuFuncSetAttribute(
            handle, cuda_h.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES(), bytes),
        "cuFuncSetAttribute of " + name);
  }

  /**
   * Runs the kernel after what the stream was given before.
   *
   * @param gridX blocks in x; in y and z likewise
   * @param threads a block, all in x
   * @param sharedBytes shared memory a block gets beyond {@link #sharedBytes}
   * @param arguments the kernel's struct; it is copied before this returns
   * @throws CudaException if the launch is refused, or if earlier work failed; a fault of the
   *     kernel itself shows later
   */
  public void launch(
      CudaStream stream,
      int gridX,
      int gridY,
      int gridZ,
      int threads,
      int sharedBytes,
      Arguments arguments) {
    module.requireOpen();
    int result =
        cuda_h.cuLaunchKernel(
            handle,
            gridX,
            gridY,
            gridZ,
            threads,
            1,
            1,
            sharedBytes,
            stream.handle(),
            arguments.parameters(),
            MemorySegment.NULL);
    if (result != cuda_h.CUDA_SUCCESS()) {
      throw Status.driverFailure(
          result,
          "cuLaunchKernel of " + name,
          "%d x %d x %d blocks of %d threads with %d bytes of shared memory"
              .formatted(gridX, gridY, gridZ, threads, sharedBytes));
    }
  }

  private int attribute(int attribute) {
    module.requireOpen();
    MemorySegment out = module.context().out();
    Status.check(cuda_h.cuFuncGetAttribute(out, attribute, handle), "cuFuncGetAttribute");
    return out.get(ValueLayout.JAVA_INT, 0);
  }
}
