package org.pyramiddrop.cuda;

import java.lang.foreign.MemorySegment;
import org.pyramiddrop.cuda.bindings.cuda_h;

/**
 * A graph that is ready to run. It keeps the addresses it was captured with: their buffers must
 * outlive it.
 */
public final class ExecutableGraph extends NativeResource {
  private final MemorySegment handle;

  ExecutableGraph(Context context, MemorySegment handle) {
    super(context, "executable graph");
    this.handle = handle;
  }

  /** Runs it after what the stream was given before. */
  public void launch(CudaStream stream) {
    requireOpen();
    Status.check(cuda_h.cuGraphLaunch(handle, stream.handle()), "cuGraphLaunch");
  }

  /** A run under way goes on to its end; the driver frees the graph then. */
  @Override
  void release() {
    Status.check(cuda_h.cuGraphExecDestroy(handle), "cuGraphExecDestroy");
  }
}
