package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaHopperFloat16Test extends CudaHopperContract {
  CudaHopperFloat16Test() {
    super(DType.FLOAT16);
  }
}
