package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaClusterBfloat16Test extends CudaClusterContract {
  CudaClusterBfloat16Test() {
    super(DType.BFLOAT16);
  }
}
