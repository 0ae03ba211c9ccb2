package org.pyramiddrop.kernels;

/** Lets tests of other packages use a device as {@link Devices} hands it out. */
public final class Checked {
  private Checked() {}

  /** The device behind its checks, which closes it. */
  public static Kernels over(Kernels device) {
    return new CheckedKernels(device);
  }
}
