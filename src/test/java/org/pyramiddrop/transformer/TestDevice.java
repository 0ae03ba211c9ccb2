package org.pyramiddrop.transformer;

import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.cuda.TestGpu;

/** The device that model tests run on: the CPU, or what {@code -Dpyramiddrop.test.device} names. */
final class TestDevice {
  private static final String NAME = System.getProperty("pyramiddrop.test.device", "cpu");

  private TestDevice() {}

  static Kernels open(DType dtype) {
    prepare();
    return Devices.open(NAME, 2, dtype);
  }

  private static void prepare() {
    if (NAME.equals("cuda")) {
      TestGpu.prepare();
    }
  }
}
