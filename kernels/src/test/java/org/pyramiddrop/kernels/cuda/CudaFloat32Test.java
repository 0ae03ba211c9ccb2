package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaFloat32Test extends CudaContract {
  CudaFloat32Test() {
    super(DType.FLOAT32);
  }
}
