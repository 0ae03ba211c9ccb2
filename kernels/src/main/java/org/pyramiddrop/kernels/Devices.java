package org.pyramiddrop.kernels;

import java.util.List;
import java.util.Optional;
import org.pyramiddrop.kernels.cpu.CpuKernels;
import org.pyramiddrop.kernels.cuda.CudaBackend;

/** The devices there are, and why others can't be had. */
public final class Devices {
  private Devices() {}

  /** The state of every device this library knows, those that are missing included. */
  public static List<DeviceStatus> all() {
    int cores = Runtime.getRuntime().availableProcessors();
    String cpu =
        "%d-bit vectors, %d core%s"
            .formatted(CpuKernels.vectorBits(), cores, cores == 1 ? "" : "s");
    Optional<String> missing = CudaBackend.missing();
    return List.of(
        new DeviceStatus("cpu", true, cpu),
        new DeviceStatus("cuda", missing.isEmpty(), missing.orElseGet(CudaBackend::describe)));
  }

  /**
   * Opens a device.
   *
   * @param name {@code cpu} or {@code cuda}
   * @param threads how many threads the CPU uses, 0 for one a core
   * @param dtype what a GPU computes in: activations and weights; the CPU computes in float32
   * @throws DeviceException with the reason, if the device can't be had
   */
  public static Kernels open(String name, int threads, DType dtype) {
    return switch (name) {
      case "cpu" ->
          new CpuKernels(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
      case "cuda" -> CudaBackend.open(dtype);
      default -> throw new DeviceException("there is no device " + name + "; use cpu or cuda");
    };
  }
}
