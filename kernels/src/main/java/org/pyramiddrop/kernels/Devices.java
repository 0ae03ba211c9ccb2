package org.pyramiddrop.kernels;

import java.util.List;
import org.pyramiddrop.cuda.CudaDriver;
import org.pyramiddrop.kernels.cpu.CpuKernels;

/** The devices there are, and why others can't be had. */
public final class Devices {
  private Devices() {}

  /** The state of every device this library knows, those that are missing included. */
  public static List<DeviceStatus> all() {
    int cores = Runtime.getRuntime().availableProcessors();
    String cpu =
        "%d-bit vectors, %d core%s"
            .formatted(CpuKernels.vectorBits(), cores, cores == 1 ? "" : "s");
    return List.of(
        new DeviceStatus("cpu", true, cpu), new DeviceStatus("cuda", false, whyNoCuda()));
  }

  /**
   * Opens a device.
   *
   * @param name {@code cpu} or {@code cuda}
   * @param threads how many threads the CPU uses, 0 for one a core
   * @throws DeviceException with the reason, if the device can't be had
   */
  public static Kernels open(String name, int threads) {
    return switch (name) {
      case "cpu" ->
          new CpuKernels(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
      case "cuda" -> throw new DeviceException("the CUDA backend can't be used: " + whyNoCuda());
      default -> throw new DeviceException("there is no device " + name + "; use cpu or cuda");
    };
  }

  private static String whyNoCuda() {
    return CudaDriver.probe()
        .orElse("a driver is there, but this build has no CUDA kernels; use the CPU backend");
  }
}
