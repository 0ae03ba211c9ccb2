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
    double own = (double) logits.data()[at + label] - maximum;
    System.arraycopy(logits.data(), at, out, to, columns);
    double total = 0;
    for (int c = 0; c < columns; c += BLOCK) {
      total += Exponential.of(out, to + c, 1, -maximum, out, to + c, Math.min(BLOCK, columns - c));
    }
    losses.data()[losses.row(r)] = (float) (Math.log(total) - own);
    float share = (float) (scale / total);
    for (int c = 0; c < columns; c++) {
      out[to + c] *= share;
    }
    // The difference is made in double: where the label is all but certain, it is small.
    out[to + label] = (float) (scale * (Math.exp(own) / total - 1));
  }
}
