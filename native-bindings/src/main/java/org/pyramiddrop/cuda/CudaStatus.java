package org.pyramiddrop.cuda;

/** Whether CUDA can be used on this machine. */
public sealed interface CudaStatus {
  /**
   * It can.
   *
   * @param gpu the GPU's name
   * @param computeCapability ten times its number, 90 for 9.0
   * @param totalBytes of its memory
   * @param driverVersion the newest CUDA that the driver knows, 13000 for 13.0
   */
  record Ready(String gpu, int computeCapability, long totalBytes, int driverVersion)
      implements CudaStatus {
    /** The GPU in one line. */
    public String describe() {
      return "%s, %s, compute capability %s, driver for CUDA %s"
          .formatted(
              gpu,
              ByteCount.text(totalBytes),
              CudaDriver.capabilityText(computeCapability),
              CudaDriver.versionText(driverVersion));
    }
  }

  /**
   * It can't.
   *
   * @param reason what is missing and what to do, a sentence without its full stop
   * @param forbidden whether there is a driver, by its files, that Java may not call
   */
  record Unavailable(String reason, boolean forbidden) implements CudaStatus {
    /** Something is missing. */
    Unavailable(String reason) {
      this(reason, false);
    }
  }
}
