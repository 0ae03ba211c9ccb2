package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaEvent;
import org.pyramiddrop.cuda.CudaStream;

/**
 * Times by events on the stream, with caches that hold nothing of use: a model reads each weight
 * once a pass, so it comes from memory.
 */
final class EventStopwatch implements Stopwatch {
  /** More than the L2 cache of any GPU holds. */
  private static final long CACHE_BYTES = 128L << 20;

  private final CudaStream stream;
  private final DeviceMemory memory;
  private final CudaEvent start;
  private final CudaEvent end;

  EventStopwatch(Context context, CudaStream stream, DeviceMemory memory) {
    this.stream = stream;
    this.memory = memory;
    start = context.event(true);
    end = context.event(true);
  }

  @Override
  public float millis(ProductAlgorithm algorithm, Runnable work) {
    try (DeviceMemory.Block other = memory.allocate(CACHE_BYTES)) {
      // While the GPU does this the host gets the work ready, whose launches then cost no time.
      stream.fill(other.address(), (byte) 0, CACHE_BYTES);
      start.record(stream);
      work.run();
      end.record(stream);
      end.synchronize();
      return end.millisSince(start);
    }
  }
}
