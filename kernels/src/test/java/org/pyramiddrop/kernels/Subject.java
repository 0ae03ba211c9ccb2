package org.pyramiddrop.kernels;

/** Gives the parts of {@link KernelsContract} the device that they test. */
interface Subject {
  Device device();

  default Kernels kernels() {
    return device().kernels();
  }

  default Draw draw() {
    return device().draw();
  }
}
