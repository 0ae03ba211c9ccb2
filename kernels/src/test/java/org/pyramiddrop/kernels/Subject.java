package org.pyramiddrop.kernels;

import org.junit.jupiter.api.extension.ExtendWith;

/** Gives the parts of {@link KernelsContract} the device that they test. */
@ExtendWith(SeedInMessage.class)
public interface Subject {
  Device device();

  default Kernels kernels() {
    return device().kernels();
  }

  default Draw draw() {
    return device().draw();
  }
}
