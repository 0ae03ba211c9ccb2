package org.pyramiddrop.kernels.cuda;

import org.junit.jupiter.api.Test;
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

  /** Sections of three heads on four multiprocessors, and two tiles of rows. */
  @Test
  void attendsSectionBySection() {
    attendsToMoreHeadsThanAreNear(129, 520);
  }

  /** Weights are rounded to the device's type; those of float16 are exact enough as they are. */
  @Override
  protected double weightTolerance() {
    return dtype == DType.BFLOAT16 ? 0x1p-8 : 0;
  }
}
