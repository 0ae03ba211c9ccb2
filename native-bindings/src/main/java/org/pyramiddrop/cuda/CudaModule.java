package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cuda_h;

/** Compiled kernels, loaded on the GPU. */
public final class CudaModule extends NativeResource {
  private final MemorySegment handle;

  CudaModule(Context context, MemorySegment handle) {
    super(context, "module");
    this.handle = handle;
  }

  /**
   * A kernel, which can be launched until the module is closed.
   *
   * @param name as in the binary: kernels that Java launches are declared {@code extern "C"}
   * @throws CudaException if the module has none of that name
   */
  public CudaFunction function(String name) {
    requireOpen();
    MemorySegment out = context().out();
    try (Arena arena = Arena.ofConfined()) {
      int result = cuda_h.cuModuleGetFunction(out, handle, arena.allocateFrom(name));
      if (result != cuda_h.CUDA_SUCCESS()) {
        throw Status.driverFailure(
            result, "cuModuleGetFunction", "kernel %s asked for".formatted(name));
      }
    }
    return new CudaFunction(this, name, out.get(ValueLayout.ADDRESS, 0));
  }

  /** Waits for the GPU, as one of the kernels may still be running. */
  @Override
  void release() {
    Cleanup cleanup = new Cleanup();
    cleanup.run(context()::synchronize);
    cleanup.run(() -> Status.check(cuda_h.cuModuleUnload(handle), "cuModuleUnload"));
    cleanup.throwFailure();
  }
}
