package org.pyramiddrop.cuda;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pyramiddrop.cuda.bindings.cuda_h;

/**
 * Work for the GPU, done in the order it was given. Every method here but {@link #synchronize}
 * returns before the work is done.
 *
 * <p>A copy or fill of no bytes does nothing. Between {@link #beginCapture} and {@link #endCapture}
 * work is not done but captured, as a graph.
 */
public final class CudaStream extends NativeResource {
  private final MemorySegment handle;
  private boolean capturing;

  CudaStream(Context context, MemorySegment handle) {
    super(context, "stream");
    this.handle = handle;
  }

  /** Waits on the calling thread until everything given so far is done. */
  public void synchronize() {
    requireOpen();
    Status.check(cuda_h.cuStreamSynchronize(handle), "cuStreamSynchronize");
  }

  /** Work given from now on waits until an event has happened. */
  public void await(CudaEvent event) {
    requireOpen();
    Status.check(
        cuda_h.cuStreamWaitEvent(handle, event.handle(), cuda_h.CU_EVENT_WAIT_DEFAULT()),
        "cuStreamWaitEvent");
  }

  /**
   * Copies host memory to the GPU. The memory must stay as it is until the copy is done; pinned
   * memory is copied beside other work, other memory more slowly and mostly before this returns.
   *
   * @param from native memory
   * @param offset where to begin in it, in bytes
   * @param toAddress on the GPU
   * @param bytes how many
   */
  public void upload(MemorySegment from, long offset, long toAddress, long bytes) {
    requireOpen();
    MemorySegment source = nativePart(from, offset, bytes);
    if (bytes > 0) {
      Status.check(
          cuda_h.cuMemcpyHtoDAsync_v2(toAddress, source, bytes, handle), "cuMemcpyHtoDAsync");
    }
  }

  /**
   * Copies from the GPU to host memory, which holds the result once the copy is done.
   *
   * @param fromAddress on the GPU
   * @param to native memory
   * @param offset where to begin in it, in bytes
   * @param bytes how many
   */
  public void download(long fromAddress, MemorySegment to, long offset, long bytes) {
    requireOpen();
    MemorySegment target = nativePart(to, offset, bytes);
    if (bytes > 0) {
      Status.check(
          cuda_h.cuMemcpyDtoHAsync_v2(target, fromAddress, bytes, handle), "cuMemcpyDtoHAsync");
    }
  }

  /** Copies bytes on the GPU from one address to another; the two ranges don't overlap. */
  public void copy(long fromAddress, long toAddress, long bytes) {
    requireOpen();
    if (bytes > 0) {
      Status.check(
          cuda_h.cuMemcpyDtoDAsync_v2(toAddress, fromAddress, bytes, handle), "cuMemcpyDtoDAsync");
    }
  }

  /** Sets bytes on the GPU to one value. */
  public void fill(long address, byte value, long bytes) {
    requireOpen();
    if (bytes > 0) {
      Status.check(cuda_h.cuMemsetD8Async(address, value, bytes, handle), "cuMemsetD8Async");
    }
  }

  /**
   * From now on captures work as a graph instead of doing it. Until the capture ends nothing may be
   * freed or waited for; memory may be allocated.
   *
   * @throws IllegalStateException if a capture is under way
   */
  public void beginCapture() {
    requireOpen();
    if (capturing) {
      throw new IllegalStateException("the stream is capturing a graph already");
    }
    Status.check(
        cuda_h.cuStreamBeginCapture_v2(handle, cuda_h.CU_STREAM_CAPTURE_MODE_RELAXED()),
        "cuStreamBeginCapture");
    capturing = true;
  }

  /**
   * The work captured since {@link #beginCapture}; the stream does work again, whether this
   * succeeds or not.
   *
   * @throws IllegalStateException if no capture is under way
   * @throws CudaException if something was called that can't be captured
   */
  public CudaGraph endCapture() {
    requireOpen();
    if (!capturing) {
      throw new IllegalStateException("the stream is not capturing a graph");
    }
    MemorySegment graph = context().out();
    int result = endCaptureInto(graph);
    if (result != cuda_h.CUDA_SUCCESS()) {
      destroy(graph);
      throw Status.driverFailure(result, "cuStreamEndCapture", "");
    }
    return context().register(new CudaGraph(context(), graph.get(ValueLayout.ADDRESS, 0)));
  }

  /**
   * Discards what was captured since {@link #beginCapture}, after a fault; does nothing if no
   * capture is under way.
   */
  public void abandonCapture() {
    requireOpen();
    discardCapture();
  }

  /** Whether work is captured now instead of done. */
  public boolean isCapturing() {
    requireOpen();
    return capturing;
  }

  MemorySegment handle() {
    requireOpen();
    return handle;
  }

  @Override
  void release() {
    Cleanup cleanup = new Cleanup();
    cleanup.run(this::discardCapture);
    // Work that still runs may read what is freed next.
    cleanup.run(() -> Status.check(cuda_h.cuStreamSynchronize(handle), "cuStreamSynchronize"));
    cleanup.run(() -> Status.check(cuda_h.cuStreamDestroy_v2(handle), "cuStreamDestroy"));
    cleanup.throwFailure();
  }

  private void discardCapture() {
    if (capturing) {
      MemorySegment graph = context().out();
      // The status is ignored: whatever call invalidated the capture has reported it already.
      endCaptureInto(graph);
      destroy(graph);
    }
  }

  /** Ends a capture and puts its graph, which may be null, into memory. */
  private int endCaptureInto(MemorySegment graph) {
    capturing = false;
    graph.set(ValueLayout.ADDRESS, 0, MemorySegment.NULL);
    return cuda_h.cuStreamEndCapture(handle, graph);
  }

  private static void destroy(MemorySegment graph) {
    MemorySegment handle = graph.get(ValueLayout.ADDRESS, 0);
    if (handle.address() != 0) {
      Status.check(cuda_h.cuGraphDestroy(handle), "cuGraphDestroy");
    }
  }

  private static MemorySegment nativePart(MemorySegment memory, long offset, long bytes) {
    if (!memory.isNative()) {
      throw new IllegalArgumentException(
          "a copy to or from the GPU needs native memory, not an array");
    }
    return memory.asSlice(offset, bytes);
  }
}
