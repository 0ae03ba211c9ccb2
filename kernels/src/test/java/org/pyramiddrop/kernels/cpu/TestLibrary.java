package org.pyramiddrop.kernels.cpu;

import org.junit.jupiter.api.Assumptions;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Stored;

/** The native library, for tests that need one. */
final class TestLibrary {
  private TestLibrary() {}

  /** Skips the test where there was no compiler, or the processor has nothing that it uses. */
  static NativeLibrary open() {
    NativeLibrary library;
    try {
      library = NativeLibrary.open();
    } catch (DeviceException e) {
      if (String.valueOf(e.getMessage()).startsWith(NativeLibrary.NOT_BUILT)) {
        Assumptions.abort("skipped: " + e.getMessage());
      }
      throw e;
    }
    Assumptions.assumeFalse(library.used().isEmpty(), "skipped: no AVX2 here");
    return library;
  }

  /**
   * Activations as products of many rows round them: to bfloat16 for such weights, and to bytes
   * with a scale for each 32 for weights in blocks.
   */
  static float[] rounded(DType weights, int inputs, float[] x) {
    float[] rounded = x.clone();
    if (!weights.inBlocks()) {
      for (int i = 0; i < x.length; i++) {
        rounded[i] = Stored.round(DType.BFLOAT16, x[i]);
      }
      return rounded;
    }
    for (int row = 0; row < x.length; row += inputs) {
      for (int from = row; from < row + inputs; from += Blocks.SIZE) {
        block(rounded, from, Math.min(from + Blocks.SIZE, row + inputs));
      }
    }
    return rounded;
  }

  private static void block(float[] x, int from, int end) {
    float most = 0;
    for (int i = from; i < end; i++) {
      most = Math.max(most, Math.abs(x[i]));
    }
    float scale = most / 127;
    float inverse = most == 0 ? 0 : 127 / most;
    for (int i = from; i < end; i++) {
      x[i] = Float.isFinite(most) ? (float) Math.rint(x[i] * inverse) * scale : Float.NaN;
    }
  }
}
