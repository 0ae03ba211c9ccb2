package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.DType;

class CudaGradientFloat32Test extends CudaGradientContract {
  CudaGradientFloat32Test() {
    super(DType.FLOAT32);
  }
}
