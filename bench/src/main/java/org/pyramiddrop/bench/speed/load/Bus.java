package org.pyramiddrop.bench.speed.load;

import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.cuda.PinnedBuffer;

/** The bus to the GPU: pinned memory copied to it with nothing in between. */
final class Bus {
  private static final long PINNED = 64L << 20;

  private Bus() {}

  /** Copies that many bytes to the first GPU and returns the milliseconds. */
  static double millis(long bytes) {
    long once = Math.clamp(bytes, 1, PINNED);
    try (Context context = Context.open(0);
        CudaStream stream = context.stream();
        PinnedBuffer from = context.pinned(once);
        DeviceBuffer to = context.allocate(once)) {
      from.segment().fill((byte) 1);
      // The first copy sets things up.
      stream.upload(from.segment(), 0, to.address(), once);
      stream.synchronize();
      Stopwatch stopwatch = new Stopwatch();
      for (long left = bytes; left > 0; left -= once) {
        stream.upload(from.segment(), 0, to.address(), Math.min(once, left));
      }
      stream.synchronize();
      return stopwatch.millis();
    }
  }
}
