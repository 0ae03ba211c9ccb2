package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/** What the kernels of a linear layer take alike: {@code linear.cuh}. */
final class LinearArguments {
  private LinearArguments() {}

  /** Appends {@code linear::Epilogue}. */
  static Launcher appendEpilogue(
      Launcher launcher, @Nullable CudaWeight bias, Activation activation, CudaTensor out) {
    boolean wide = out.dtype() != launcher.dtype();
    return launcher
        .pointer(bias == null ? 0 : bias.address())
        .pointer(wide ? 0 : out.address())
        .pointer(wide ? out.address() : 0)
        .int32(out.columns())
        .int32(number(activation));
  }

  /** {@code linear::Activation}. */
  static int number(Activation activation) {
    return switch (activation) {
      case NONE -> 0;
      case ADD -> 1;
      case GELU -> 2;
      case QUICK_GELU -> 3;
    };
  }
}
