package org.pyramiddrop.kernels;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** {@link GradientKernels#crossEntropy}. */
interface CrossEntropyContract extends ContractPart {
  @Test
  default void givesTheLossAndItsGradient() {
    for (int columns : new int[] {1, 2, 3, 7, 16, 33, 130, 515, 4099, 32_064}) {
      for (double deviation : new double[] {0.1, 3, 60}) {
        int rows = random().oneOf(1, 2, 3, 7, columns > 5000 ? 4 : 40);
        float[] logits = random().normal(rows * columns, deviation);
        double shift = random().oneOf(0, 0, 200, -200);
        for (int i = 0; i < logits.length; i++) {
          logits[i] = (float) (logits[i] + shift);
        }
        int[] labels = random().below(columns, rows);
        labels[random().between(0, rows - 1)] = random().oneOf(0, columns - 1);
        if (rows > 2) {
          labels[random().between(0, rows - 1)] = GradientKernels.IGNORED;
        }
        loses(logits, labels, (float) random().oneOf(1, 1 / 7.0, 128));
      }
    }
  }

  private void loses(float[] logits, int[] labels, float scale) {
    int columns = logits.length / labels.length;
    Output losses = device().output(DType.FLOAT32, labels.length, 1);
    Output dLogits = device().output(labels.length, columns);
    gradients()
        .crossEntropy(
            device().input(DType.FLOAT32, logits, columns),
            device().indices(labels),
            scale,
            losses.view(),
            dLogits.view());
    GradientReference.CrossEntropy expected = GradientReference.crossEntropy(logits, labels, scale);
    String what = "%d × %d".formatted(labels.length, columns);
    device().check("losses, " + what, losses, expected.losses());
    device().check("gradient of logits, " + what, dLogits, expected.dLogits());
    device().endCase();
  }

  /** Not even what is not finite comes through. */
  @Test
  default void givesRowsWithoutALabelNoLossAndNoGradient() {
    float[] logits = random().normal(5 * 37, 1);
    Arrays.fill(logits, 2 * 37, 3 * 37, Float.NaN);
    logits[4 * 37 + 3] = Float.POSITIVE_INFINITY;
    loses(logits, new int[] {3, GradientKernels.IGNORED, -1, 36, -1}, 2);
  }

  @Test
  default void showsLogitsThatAreNotFinite() {
    float[] logits = random().normal(3 * 40, 1);
    logits[40 + random().between(0, 39)] = Float.NaN;
    Output losses = device().output(DType.FLOAT32, 3, 1);
    Output dLogits = device().output(3, 40);
    gradients()
        .crossEntropy(
            device().input(DType.FLOAT32, logits, 40),
            device().indices(1, 2, 3),
            1,
            losses.view(),
            dLogits.view());
    GradientReference.CrossEntropy expected =
        GradientReference.crossEntropy(logits, new int[] {1, 2, 3}, 1);
    device().check("losses", losses, expected.losses());
    device().check("gradient of logits", dLogits, expected.dLogits());
  }
}
