package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaBfloat16Test extends CudaContract {
  CudaBfloat16Test() {
    super(DType.BFLOAT16);
  }
}
