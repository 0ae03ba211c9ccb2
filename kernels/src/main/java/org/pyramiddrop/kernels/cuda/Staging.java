package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.MemorySegment;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaEvent;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.PinnedBuffer;

/**
 * Copies between host and device through two pinned buffers, so that the host fills one while the
 * other is on its way. What the source is mapped from is read at that moment, page by page. The
 * context that the buffers came from closes them.
 */
final class Staging {
  /** Long enough for the bus to be at its full speed, short enough to begin soon. */
  private static final long BYTES = 16L << 20;

  private final PinnedBuffer[] buffers;

  /** Happens when a buffer's last copy has ended. */
  private final CudaEvent[] free;

  private int next;

  Staging(Context context) {
    buffers = new PinnedBuffer[] {context.pinned(BYTES), context.pinned(BYTES)};
    free = new CudaEvent[] {context.event(false), context.event(false)};
  }

  /** What is to be done with a run of bytes once it is in pinned memory. */
  @FunctionalInterface
  interface Sink {
    /** Takes {@code bytes} that begin {@code offset} behind the first of all. */
    void take(MemorySegment pinned, long offset, long bytes);
  }

  /**
   * Brings host memory into pinned memory, piece by piece.
   *
   * @param stream where the sink's copies go
   */
  void each(MemorySegment from, CudaStream stream, Sink sink) {
    for (long offset = 0; offset < from.byteSize(); offset += BYTES) {
      long bytes = Math.min(BYTES, from.byteSize() - offset);
      free[next].synchronize();
      MemorySegment pinned = buffers[next].segment();
      MemorySegment.copy(from, offset, pinned, 0, bytes);
      sink.take(pinned, offset, bytes);
      free[next].record(stream);
      next = 1 - next;
    }
  }

  /** Copies host memory to the device. */
  void upload(MemorySegment from, long to, CudaStream stream) {
    each(from, stream, (pinned, offset, bytes) -> stream.upload(pinned, 0, to + offset, bytes));
  }

  /** Copies device memory to the host and waits for it. */
  void download(long from, MemorySegment to, CudaStream stream) {
    for (long offset = 0; offset < to.byteSize(); offset += BYTES) {
      long bytes = Math.min(BYTES, to.byteSize() - offset);
      free[0].synchronize();
      MemorySegment pinned = buffers[0].segment();
      stream.download(from + offset, pinned, 0, bytes);
      stream.synchronize();
      MemorySegment.copy(pinned, 0, to, offset, bytes);
    }
  }
}
