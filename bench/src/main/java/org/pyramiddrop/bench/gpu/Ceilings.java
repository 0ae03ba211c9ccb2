package org.pyramiddrop.bench.gpu;

import org.jspecify.annotations.Nullable;

/**
 * What a GPU can do at most, and so the least time that work can take on it.
 *
 * @param tflops 10¹² floating point operations a second, two for each multiply-add
 * @param bandwidth 10¹² bytes a second that its memory reads and writes
 */
record Ceilings(double tflops, double bandwidth) {
  private static final double PER_MILLI = 1e9;

  /** Refuses what is no speed. */
  Ceilings {
    if (!(tflops > 0) || !(bandwidth > 0)) {
      throw new IllegalArgumentException(
          "a GPU's ceilings must be above 0, not %s TFLOP/s and %s TB/s"
              .formatted(tflops, bandwidth));
    }
  }

  /** The same with what is given instead. */
  Ceilings or(@Nullable Double givenTflops, @Nullable Double givenBandwidth) {
    return new Ceilings(
        givenTflops == null ? tflops : givenTflops,
        givenBandwidth == null ? bandwidth : givenBandwidth);
  }

  /** The least milliseconds for this arithmetic. */
  double flopsMillis(double flops) {
    return flops / (tflops * PER_MILLI);
  }

  /** The least milliseconds for moving these bytes. */
  double bytesMillis(double bytes) {
    return bytes / (bandwidth * PER_MILLI);
  }
}
