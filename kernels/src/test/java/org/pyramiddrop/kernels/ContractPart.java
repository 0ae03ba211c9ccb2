package org.pyramiddrop.kernels;

/** Gives the parts of {@link KernelsContract} the device that they test. */
interface ContractPart {
  DeviceUnderTest device();

  default Kernels kernels() {
    return device().kernels();
  }

  default RandomData random() {
    return device().random();
  }
}
