package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaFloat16Test extends CudaContract {
  CudaFloat16Test() {
    super(DType.FLOAT16);
  }
}
