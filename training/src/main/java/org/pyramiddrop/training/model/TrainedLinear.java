package org.pyramiddrop.training.model;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Tensor;

/**
 * A linear layer.
 *
 * @param weight outputs × inputs
 * @param bias outputs × 1, or none
 * @param update a LoRA of the weight, or none
 */
record TrainedLinear(
    Device device, Learnt weight, @Nullable Learnt bias, @Nullable LowRankUpdate update) {
  int inputs() {
    return weight.weight().columns();
  }

  int outputs() {
    return weight.weight().rows();
  }

  /** {@code out = x · wᵀ + bias}. */
  void forward(Tensor x, Tensor out) {
    forward(x, Activation.NONE, out);
  }

  /** {@code out += x · wᵀ + bias}. */
  void addForward(Tensor x, Tensor out) {
    forward(x, Activation.ADD, out);
  }

  private void forward(Tensor x, Activation activation, Tensor out) {
    device
        .kernels()
        .linear(x, weight.weight(), bias == null ? null : bias.weight(), activation, out);
    if (update != null) {
      update.forward(x, out);
    }
  }

  /**
   * Adds the gradients of what is trained, and writes the input's.
   *
   * @param x the input
   * @param dy of the output
   * @param add whether the input's gradient is added to what {@code dx} holds
   * @param dx null if nobody asks
   */
  void backward(Tensor x, Tensor dy, boolean add, @Nullable Tensor dx) {
    Tensor dw = weight.gradient();
    if (dw != null) {
      device.gradients().linearWeight(x, dy, dw);
    }
    Tensor dBias = bias == null ? null : bias.gradient();
    if (dBias != null) {
      device.gradients().linearBias(dy, dBias);
    }
    if (dx != null) {
      device.gradients().linearInput(dy, weight.weight(), add, dx);
    }
    if (update != null) {
      update.backward(x, dy, dx);
    }
  }
}
