package org.pyramiddrop.training.model;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.kernels.Tensor;

/**
 * The trained part of a linear layer under a LoRA: {@code scale · x · Aᵀ · Bᵀ}.
 *
 * @param a rank × inputs
 * @param b outputs × rank
 */
record LowRankUpdate(Device device, Parameter a, Parameter b, float scale) {
  /** Adds to the layer's output. */
  void forward(Tensor x, Tensor out) {
    try (Tensor inner = inner(x)) {
      device.kernels().linear(inner, b.weight(), null, Activation.ADD, out);
    }
  }

  /** {@code scale · x · Aᵀ}, which the caller closes. */
  private Tensor inner(Tensor x) {
    Kernels kernels = device.kernels();
    Tensor scaled = device.zeros(x.rows(), a.rows());
    try (Tensor product = kernels.allocate(x.rows(), a.rows())) {
      kernels.linear(x, a.weight(), null, Activation.NONE, product);
      device.gradients().addScaled(product, scale, scaled);
    }
    return scaled;
  }

  /**
   * Adds the gradients of both matrices, and that of the input.
   *
   * @param dx null if nobody asks
   */
  void backward(Tensor x, Tensor dy, @Nullable Tensor dx) {
    try (Tensor inner = inner(x);
        Tensor dInner = device.kernels().allocate(x.rows(), a.rows());
        Tensor dProduct = device.zeros(x.rows(), a.rows())) {
      device.gradients().linearWeight(inner, dy, b.gradient());
      device.gradients().linearInput(dy, b.weight(), false, dInner);
      device.gradients().addScaled(dInner, scale, dProduct);
      device.gradients().linearWeight(x, dProduct, a.gradient());
      if (dx != null) {
        device.gradients().linearInput(dProduct, a.weight(), true, dx);
      }
    }
  }
}
