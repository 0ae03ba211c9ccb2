package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/** What the kernels of a linear layer take alike: {@code linear.cuh}. */
final class LinearArguments {
  private LinearArguments() {}

  /** A kernel's name for a matrix that is stored like this one: of blocks it says how. */
  static String kernel(String name, CudaWeight w) {
    return w.dtype().inBlocks() ? name + "_" + w.dtype().label() : name;
  }

  /** Appends a matrix: its address, or {@code blocks::Matrix}. */
  static Launcher appendMatrix(Launcher launcher, CudaWeight w) {
    if (!w.dtype().inBlocks()) {
      return launcher.pointer(w.address());
    }
    CudaWeight.Planes planes = w.planes();
    return launcher.pointer(planes.numbers()).pointer(planes.scales()).pointer(planes.zeros());
  }

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
