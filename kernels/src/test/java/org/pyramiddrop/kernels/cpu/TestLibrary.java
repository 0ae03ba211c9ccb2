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
    blocks(inputs, rounded, 127);
    return rounded;
  }

  /**
   * Activations as products of few rows by weights in blocks take them: whole numbers of 23 bits,
   * of INT4 16, with a scale for each 32. A number that is small beside a block's largest keeps
   * fewer.
   */
  static float[] streamed(DType weights, int inputs, float[] x) {
    float[] whole = x.clone();
    if (weights.inBlocks()) {
      blocks(inputs, whole, weights == DType.INT4 ? 127 << 8 : (1 << 22) - 1);
    }
    return whole;
  }

  private static void blocks(int inputs, float[] x, int largest) {
    for (int row = 0; row < x.length; row += inputs) {
      for (int from = row; from < row + inputs; from += Blocks.SIZE) {
        block(x, from, Math.min(from + Blocks.SIZE, row + inputs), largest);
      }
    }
  }

  private static void block(float[] x, int from, int end, int largest) {
    float most = 0;
    for (int i = from; i < end; i++) {
      most = Math.max(most, Math.abs(x[i]));
    }
    float scale = most / largest;
    float inverse = most == 0 ? 0 : largest / most;
    for (int i = from; i < end; i++) {
      x[i] = Float.isFinite(most) ? (float) Math.rint(x[i] * inverse) * scale : Float.NaN;
    }
  }
}
