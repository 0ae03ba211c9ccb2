package org.pyramiddrop.training.model;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Parameter;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/**
 * A matrix of the model: frozen, or a parameter that training changes.
 *
 * @param weight what operations read
 * @param parameter none if it is frozen
 */
record Learnt(Weight weight, @Nullable Parameter parameter) {
  /** Where its gradient is added to; null if it is frozen. */
  @Nullable Tensor gradient() {
    return parameter == null ? null : parameter.gradient();
  }
}
