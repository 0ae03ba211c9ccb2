package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaGradientFloat16Test extends CudaGradientContract {
  CudaGradientFloat16Test() {
    super(DType.FLOAT16);
  }
}
