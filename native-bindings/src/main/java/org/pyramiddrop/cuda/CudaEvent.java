package org.pyramiddrop.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cuda_h;

/** A point in a stream's work, to wait for or to measure from. */
public final class CudaEvent extends NativeResource {
  private final MemorySegment handle;
  private final boolean timing;

  CudaEvent(Context context, MemorySegment handle, boolean timing) {
    super(context, "event");
    this.handle = handle;
    this.timing = timing;
  }

  /**
   * Happens when the stream has done everything it was given so far; an earlier record is
   * forgotten.
   */
  public void record(CudaStream stream) {
    requireOpen();
    Status.check(cuda_h.cuEventRecord(handle, stream.handle()), "cuEventRecord");
  }

  /**
   * Becomes a part of the graph that is being captured: happens anew in each run of it, when the
   * work captured so far is done. Unlike what {@link #record} leaves in a capture it can be waited
   * for and measured from once the graph was launched; it must outlive the graph.
   *
   * @throws IllegalStateException if the stream is capturing nothing
   */
  public void recordInGraph(CudaStream stream) {
    requireOpen();
    if (!stream.isCapturing()) {
      throw new IllegalStateException("the stream is not capturing a graph");
    }
    Status.check(
        cuda_h.cuEventRecordWithFlags(handle, stream.handle(), cuda_h.CU_EVENT_RECORD_EXTERNAL()),
        "cuEventRecordWithFlags");
  }

  /** Waits on the calling thread until it has happened; at once if it was never recorded. */
  public void synchronize() {
    requireOpen();
    Status.check(cuda_h.cuEventSynchronize(handle), "cuEventSynchronize");
  }

  /**
   * Milliseconds on the GPU from another event to this one, to about half a microsecond; both have
   * happened.
   *
   * @throws IllegalStateException if either was made without timing
   */
  public float millisSince(CudaEvent start) {
    requireOpen();
    start.requireOpen();
    if (!timing || !start.timing) {
      throw new IllegalStateException("an event made without timing can't measure");
    }
    MemorySegment out = context().out();
    Status.check(cuda_h.cuEventElapsedTime_v2(out, start.handle, handle), "cuEventElapsedTime");
    return out.get(ValueLayout.JAVA_FLOAT, 0);
  }

  MemorySegment handle() {
    requireOpen();
    return handle;
  }

  @Override
  void release() {
    Status.check(cuda_h.cuEventDestroy_v2(handle), "cuEventDestroy");
  }
}
