package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaClusterFloat16Test extends CudaClusterContract {
  CudaClusterFloat16Test() {
    super(DType.FLOAT16);
  }
}
