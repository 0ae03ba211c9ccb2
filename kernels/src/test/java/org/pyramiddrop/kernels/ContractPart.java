package org.pyramiddrop.kernels;

/**
 * Gives the parts of {@link KernelsContract} and {@link GradientContract} the device that they
 * test.
 */
interface ContractPart {
  DeviceUnderTest device();

  default Kernels kernels() {
    return device().kernels();
  }

  default GradientKernels gradients() {
    return kernels().gradients();
  }

  default RandomData random() {
    return device().random();
  }
}
