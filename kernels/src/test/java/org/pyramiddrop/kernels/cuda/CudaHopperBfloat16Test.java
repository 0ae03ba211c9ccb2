package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaHopperBfloat16Test extends CudaHopperContract {
  CudaHopperBfloat16Test() {
    super(DType.BFLOAT16);
  }
}
