package org.pyramiddrop.training.model;

import org.pyramiddrop.kernels.Tensor;

/** A root mean square norm of rows. */
record TrainedRmsNorm(Device device, Learnt weight, float epsilon) {
  /** The normed rows, which the caller closes. */
  Tensor forward(Tensor x) {
    Tensor out = device.kernels().allocate(x.rows(), x.columns());
    device.kernels().rmsNorm(x, weight.weight(), epsilon, out);
    return out;
  }

  /** Adds the gradient of the weight, if it is trained, and to {@code dx} the input's. */
  void backward(Tensor x, Tensor dy, Tensor dx) {
    device.gradients().rmsNormGradient(x, weight.weight(), epsilon, dy, dx, weight.gradient());
  }
}
