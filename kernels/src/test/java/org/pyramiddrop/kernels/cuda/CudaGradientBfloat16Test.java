package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaGradientBfloat16Test extends CudaGradientContract {
  CudaGradientBfloat16Test() {
    super(DType.BFLOAT16);
  }
}
