package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.KernelsContract;

/** The native device with all that the processor has. */
final class NativeKernelsTest extends KernelsContract implements NativeContract {
  @Override
  public NativeLibrary library() {
    return TestLibrary.open();
  }

  @Override
  protected Kernels open() {
    return open(2);
  }

  @Override
  protected float[] multiplied(DType weights, int inputs, float[] x) {
    return given(weights, inputs, x);
  }
}
