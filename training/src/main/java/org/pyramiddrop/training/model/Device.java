package org.pyramiddrop.training.model;

import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;

/**
 * What training runs on.
 *
 * @param kernels its operations, which own the device
 * @param gradients their gradients
 */
public record Device(Kernels kernels, GradientKernels gradients) {
  /** The device of these kernels. */
  public static Device of(Kernels kernels) {
    return new Device(kernels, kernels.gradients());
  }

  /** Activations of zeros. */
  Tensor zeros(int rows, int columns) {
    Tensor x = kernels.allocate(rows, columns);
    gradients.clear(x);
    return x;
  }

  /** A copy, which the caller closes. */
  Tensor copy(Tensor x) {
    Tensor out = kernels.allocate(x.rows(), x.columns());
    kernels.copy(x, out);
    return out;
  }

  /** Some rows of {@code x}, which the caller closes. */
  Tensor gather(Tensor x, Indices rows) {
    Tensor out = kernels.allocate(rows.size(), x.columns());
    kernels.gatherRows(x, rows, out);
    return out;
  }
}
