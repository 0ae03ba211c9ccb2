package org.pyramiddrop.training.model;

import org.pyramiddrop.kernels.Tensor;

/** A layer norm of rows. */
record TrainedLayerNorm(Device device, Learnt weight, Learnt bias, float epsilon) {
  /** The normed rows, which the caller closes. */
  Tensor forward(Tensor x) {
    Tensor out = device.kernels().allocate(x.rows(), x.columns());
    device.kernels().layerNorm(x, weight.weight(), bias.weight(), epsilon, out);
    return out;
  }

  /** Adds the gradients of weight and bias, if they are trained, and to {@code dx} the input's. */
  void backward(Tensor x, Tensor dy, Tensor dx) {
    device
        .gradients()
        .layerNormGradient(x, weight.weight(), epsilon, dy, dx, weight.gradient(), bias.gradient());
  }
}
