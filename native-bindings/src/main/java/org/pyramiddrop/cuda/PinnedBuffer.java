package org.pyramiddrop.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.pyramiddrop.cuda.bindings.cuda_h;

/**
 * Memory on the host that can't be paged out: copies from and to it run beside the host's own work.
 */
public final class PinnedBuffer extends NativeResource {
  private final Arena lifetime = Arena.ofShared();
  private final MemorySegment memory;
  private final MemorySegment segment;

  PinnedBuffer(Context context, MemorySegment memory, long bytes) {
    super(context, "pinned buffer of %s".formatted(ByteCount.text(bytes)));
    this.memory = memory;
    this.segment = memory.reinterpret(bytes, lifetime, null);
  }

  /**
   * All of it. Any thread may read and write it until this is closed; a copy under way must have
   * ended first.
   */
  public MemorySegment segment() {
    return segment;
  }

  /** Waits for the GPU, as a copy may still be under way. */
  @Override
  void release() {
    // Throws while another thread is reading a file into this memory; then it is better kept than
    // freed.
    lifetime.close();
    Cleanup cleanup = new Cleanup();
    cleanup.run(context()::synchronize);
    cleanup.run(() -> Status.check(cuda_h.cuMemFreeHost(memory), "cuMemFreeHost"));
    cleanup.throwFailure();
  }
}
