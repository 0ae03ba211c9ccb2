package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import org.pyramiddrop.kernels.GradientKernels;

/** Cross entropy of a row of logits, and its gradient {@code scale · (softmax - label)}. */
final class CrossEntropy {
  /** Exponentials that are summed up in float32 before they go to a sum in double. */
  private static final int BLOCK = 4096;

  private CrossEntropy() {}

  static void row(
      CpuTensor logits, int r, int label, float scale, CpuTensor losses, CpuTensor dLogits) {
    int columns = logits.columns();
    float[] out = dLogits.data();
    int to = dLogits.row(r);
    if (label == GradientKernels.IGNORED) {
      losses.data()[losses.row(r)] = 0;
      Arrays.fill(out, to, to + columns, 0f);
      return;
    }
    int at = logits.row(r);
    float maximum = Attention.maximum(logits.data(), at, columns);
    double below = (double) logits.data()[at + label] - maximum;
    System.arraycopy(logits.data(), at, out, to, columns);
    // Of all but the label, so that what a sure label leaves to the others isn't lost beside 1.
    out[to + label] = Float.NEGATIVE_INFINITY;
    double others = 0;
    for (int c = 0; c < columns; c += BLOCK) {
      others += Exponential.of(out, to + c, 1, -maximum, out, to + c, Math.min(BLOCK, columns - c));
    }
    double total = others + Math.exp(below);
    losses.data()[losses.row(r)] =
        (float) (below == 0 ? Math.log1p(others) : Math.log(total) - below);
    float share = (float) (scale / total);
    for (int c = 0; c < columns; c++) {
      out[to + c] *= share;
    }
    out[to + label] = (float) (scale * -others / total);
  }
}
