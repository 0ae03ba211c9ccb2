package org.pyramiddrop.kernels;

import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.pyramiddrop.kernels.cpu.CpuKernels;
import org.pyramiddrop.kernels.cuda.CudaBackend;

/** The devices there are, and why others can't be had. */
public final class Devices {
  private static final String VECTOR_API = "jdk.incubator.vector";

  private Devices() {}

  /** The state of every device this library knows, those that are missing included. */
  public static List<DeviceStatus> all() {
    return List.of(
        status("cpu", cpuMissing(), Devices::describeCpu),
        status("cuda", CudaBackend.missing(), CudaBackend::describe));
  }

  private static DeviceStatus status(
      String name, Optional<String> missing, Supplier<String> description) {
    return new DeviceStatus(name, missing.isEmpty(), missing.orElseGet(description));
  }

  private static String describeCpu() {
    int cores = Runtime.getRuntime().availableProcessors();
    return "%d-bit vectors, %d core%s"
        .formatted(CpuKernels.vectorBits(), cores, cores == 1 ? "" : "s");
  }

  /** Why the CPU can't be used. No class that needs the Vector API loads before. */
  private static Optional<String> cpuMissing() {
    return ModuleLayer.boot().findModule(VECTOR_API).isPresent()
        ? Optional.empty()
        : Optional.of(
            "Java leaves the Vector API out unless asked: start it with --add-modules "
                + VECTOR_API);
  }

  /**
   * The name of the device to take where none is asked for: the GPU if it can be had, else the CPU.
   *
   * @throws DeviceException if an NVIDIA driver is there that Java may not call; taking the CPU
   *     would pass over a GPU in silence
   */
  public static String fastest() {
    CudaBackend.forbidden()
        .ifPresent(reason -> {
          throw new DeviceException(
              "an NVIDIA driver is there, but " + reason + ", or ask for the cpu by name");
        });
    return CudaBackend.missing().isEmpty() ? "cuda" : "cpu";
  }

  /**
   * Refuses a device that can't be had.
   *
   * @param name {@code cpu} or {@code cuda}
   * @throws DeviceException with the reason
   */
  public static void require(String name) {
    switch (name) {
      case "cpu" ->
          cpuMissing()
              .ifPresent(reason -> {
                throw new DeviceException("the CPU can't be used: " + reason);
              });
      case "cuda" ->
          CudaBackend.missing()
              .ifPresent(reason -> {
                throw new DeviceException("the CUDA backend can't be used: " + reason);
              });
      default -> throw new DeviceException("there is no device " + name + "; use cpu or cuda");
    }
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
    require(name);
    return name.equals("cuda")
        ? CudaBackend.open(dtype)
        : new CpuKernels(threads == 0 ? Runtime.getRuntime().availableProcessors() : threads);
  }
}
