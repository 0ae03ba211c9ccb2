package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.AttentionOnlyContract;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;

/** Attention by kernels that only compute capability 9.0 runs; CudaLinearTest has products. */
abstract class CudaHopperContract extends AttentionOnlyContract {
  private final DType dtype;

  CudaHopperContract(DType dtype) {
    this.dtype = dtype;
  }

  @Override
  protected Kernels open() {
    TestGpu.prepare();
    return TestGpu.open(dtype, new CudaOptions(true, false).withHopper(true));
  }

  @Override
  protected double tolerance() {
    return 1e-3;
  }
}
