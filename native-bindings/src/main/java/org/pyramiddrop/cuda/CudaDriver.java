package org.pyramiddrop.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import org.pyramiddrop.cuda.CudaStatus.Unavailable;
import org.pyramiddrop.cuda.library.MissingLibraryException;
import org.pyramiddrop.cuda.library.NativeLibrary;

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

  private static final Path DEVICE_FILE = Path.of("/dev/nvidiactl");

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
    try (DriverProbe probe = new DriverProbe()) {
      return probe.gpu(ordinal);
    } catch (MissingLibraryException e) {
      return new Unavailable(String.valueOf(e.getMessage()));
    } catch (IllegalCallerException e) {
      return new Unavailable(NativeAccess.missing(CudaDriver.class.getModule()), driverSeen());
    }
  }

  /** Whether there is the device file of NVIDIA's driver, or the driver that a property names. */
  private static boolean driverSeen() {
    String named = System.getProperty(NativeLibrary.DRIVER.property(), "");
    return Files.exists(DEVICE_FILE) || (!named.isBlank() && Files.exists(Path.of(named)));
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
