package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.pyramiddrop.cuda.CudaStream;

/**
 * Normally distributed numbers to measure with. A GPU that multiplies zeros or a constant switches
 * fewer transistors, draws less power and runs faster than it will on data.
 */
final class RandomNumbers {
  /** They repeat after so many: a GPU does not notice. */
  private static final int PERIOD = 1 << 16;

  private RandomNumbers() {}

  /** Fills a tensor and waits until that is done. */
  static void fill(CudaTensor x, CudaStream stream) {
    int size = x.dtype().bytes();
    long filled = Math.min(x.size(), PERIOD) * size;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment numbers = arena.allocate(filled, Float.BYTES);
      SplittableRandom random = new SplittableRandom(PERIOD);
      for (long i = 0; i < filled / size; i++) {
        x.dtype().store((float) random.nextGaussian(), numbers, i);
      }
      stream.upload(numbers, 0, x.address(), filled);
      while (filled < x.bytes()) {
        long bytes = Math.min(filled, x.bytes() - filled);
        stream.copy(x.address(), x.address() + filled, bytes);
        filled += bytes;
      }
      stream.synchronize();
    }
  }
}
