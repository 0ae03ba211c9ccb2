package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.ProductOnlyContract;

/**
 * What of the native device's contract is native code, with all that the processor has: what
 * sanitizers see of {@link NativeKernelsTest}.
 */
class NativeProductsTest extends ProductOnlyContract implements NativeContract {
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
