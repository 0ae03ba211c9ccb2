package org.pyramiddrop.cuda;

import org.pyramiddrop.cuda.CudaStatus.Unavailable;
import org.pyramiddrop.cuda.library.MissingLibraryException;

/**
 * Whether this machine has an NVIDIA driver, a GPU and cuBLASLt that will do.
 *
 * <p>Asking loads no class of the generated bindings, which need all of these to load. It may be
 * asked at any time, any number of times; nothing is remembered.
 */
public final class CudaDriver {
  /** The oldest GPUs that the kernels are built for: Ampere. */
  static final int MINIMUM_CAPABILITY = 80;

  /** The CUDA version that the kernels are built with. */
  static final int MINIMUM_DRIVER = 13_000;

  private CudaDriver() {}

  /** Whether the first GPU can be used, and why not. */
  public static CudaStatus probe() {
    return probe(0);
  }

  /**
   * Whether a GPU can be used, and why not.
   *
   * @param ordinal which of the driver's GPUs, from 0
   */
  public static CudaStatus probe(int ordinal) {
    try (Probe probe = new Probe()) {
      return probe.gpu(ordinal);
    } catch (MissingLibraryException e) {
      return new Unavailable(String.valueOf(e.getMessage()));
    } catch (IllegalCallerException e) {
      return new Unavailable(
          "Java may not call native code: start it with --enable-native-access=%s"
              .formatted(
                  CudaDriver.class.getModule().isNamed()
                      ? CudaDriver.class.getModule().getName()
                      : "ALL-UNNAMED"));
    }
  }

  /** For example {@code 8.6} of 86. */
  static String capabilityText(int capability) {
    return capability / 10 + "." + capability % 10;
  }

  /** For example {@code 12.8} of 12080. */
  static String versionText(int version) {
    return version / 1000 + "." + version % 1000 / 10;
  }
}
