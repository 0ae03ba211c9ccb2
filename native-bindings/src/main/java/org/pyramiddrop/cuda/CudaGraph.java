package org.pyramiddrop.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cuda_h;

/** Work captured from a stream, and the order in which it must be done. */
public final class CudaGraph extends NativeResource {
  private final MemorySegment handle;

  CudaGraph(Context context, MemorySegment handle) {
    super(context, "graph");
    this.handle = handle;
  }

  /** How many launches, copies and fills it has. */
  public long nodes() {
    requireOpen();
    MemorySegment out = context().out();
    Status.check(cuda_h.cuGraphGetNodes(handle, MemorySegment.NULL, out), "cuGraphGetNodes");
    return out.get(ValueLayout.JAVA_LONG, 0);
  }

  /** Makes it ready to run any number of times. This graph may be closed afterwards. */
  public ExecutableGraph instantiate() {
    requireOpen();
    MemorySegment out = context().out();
    Status.check(cuda_h.cuGraphInstantiateWithFlags(out, handle, 0), "cuGraphInstantiateWithFlags");
    return context().register(new ExecutableGraph(context(), out.get(ValueLayout.ADDRESS, 0)));
  }

  @Override
  void release() {
    Status.check(cuda_h.cuGraphDestroy(handle), "cuGraphDestroy");
  }
}
