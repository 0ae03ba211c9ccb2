package org.pyramiddrop.training.model;

import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;

/** The last norm, the output head, and the loss of what they say. */
final class TrainedHead {
  /** Rows whose logits are held at once: at LLaMA's vocabulary 16 MB of them. */
  private static final int ROWS = 128;

  private final Kernels kernels;
  private final GradientKernels gradients;
  private final TrainedRmsNorm norm;
  private final TrainedLinear head;

  TrainedHead(Device device, TrainedRmsNorm norm, TrainedLinear head) {
    kernels = device.kernels();
    gradients = device.gradients();
    this.norm = norm;
    this.head = head;
  }

  /**
   * Sums up the cross entropy of rows and their labels, and adds the gradients of {@code scale}
   * times the sum.
   *
   * @param dx out: that of {@code x}
   * @return the sum, not scaled
   */
  double lossAndGradient(Tensor x, Indices labels, float scale, Tensor dx) {
    try (Tensor normed = norm.forward(x);
        Tensor dNormed = kernels.allocate(x.rows(), x.columns());
        Tensor losses = kernels.allocate(DType.FLOAT32, x.rows(), 1)) {
      for (int first = 0; first < x.rows(); first += ROWS) {
        int count = Math.min(ROWS, x.rows() - first);
        Tensor in = normed.rows(first, count);
        try (Tensor logits = kernels.allocate(DType.FLOAT32, count, head.outputs());
            Tensor dLogits = kernels.allocate(count, head.outputs())) {
          head.forward(in, logits);
          gradients.crossEntropy(
              logits, labels.part(first, count), scale, losses.rows(first, count), dLogits);
          head.backward(in, dLogits, false, dNormed.rows(first, count));
        }
      }
      gradients.clear(dx);
      norm.backward(x, dNormed, dx);
      double sum = 0;
      for (float loss : kernels.download(losses)) {
        sum += loss;
      }
      return sum;
    }
  }
}
