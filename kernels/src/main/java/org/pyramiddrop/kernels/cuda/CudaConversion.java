package org.pyramiddrop.kernels.cuda;

import java.util.Locale;
import org.pyramiddrop.kernels.DType;

/** Numbers of one type as the nearest of another: {@code convert.cu}. */
final class CudaConversion {
  private static final int THREADS = 256;

  /** Neighbouring numbers a thread takes at once. */
  private static final int PACK = 4;

  private final Launcher launcher;

  CudaConversion(Launcher launcher) {
    this.launcher = launcher;
  }

  /**
   * Converts {@code count} numbers in device memory; the two ranges must not overlap.
   *
   * @param from where they lie, a multiple of their size
   * @param to where they go, a multiple of their size there
   */
  void convert(long from, DType stored, long to, DType wanted, int count) {
    if (count == 0) {
      return;
    }
    launcher
        .kernel("convert_" + stored.name().toLowerCase(Locale.ROOT) + "_to", wanted)
        .pointer(from)
        .pointer(to)
        .int32(count)
        .launch(Math.ceilDiv(count, PACK * THREADS), 1, 1, THREADS, 0);
  }
}
