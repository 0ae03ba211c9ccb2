package org.pyramiddrop.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.CudaDriver;
import org.pyramiddrop.cuda.CudaStatus;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Kernels;

/** Whether the CUDA backend can be had, and why not. No class that needs a driver loads before. */
public final class CudaBackend {
  /** Names a file of compiled kernels to use instead of those in the jar. */
  public static final String KERNELS_PROPERTY = "pyramiddrop.cuda.kernels";

  private static final String RESOURCE = "kernels.fatbin";
  private static final double GIBIBYTE = 1L << 30;

  private CudaBackend() {}

  /** Why CUDA can't be used, in words; empty if driver, GPU, cuBLAS and kernels are there. */
  public static Optional<String> missing() {
    return switch (CudaDriver.probe()) {
      case CudaStatus.Unavailable unavailable -> Optional.of(unavailable.reason());
      case CudaStatus.Ready _ ->
          hasKernels()
              ? Optional.empty()
              : Optional.of(
                  "a GPU is there, but this build has no CUDA kernels; build it where nvcc is"
                      + " found (make kernels)");
    };
  }

  /** Why Java may not call a driver that is there, in words; empty if it may or there is none. */
  public static Optional<String> forbidden() {
    return CudaDriver.probe() instanceof CudaStatus.Unavailable no && no.forbidden()
        ? Optional.of(no.reason())
        : Optional.empty();
  }

  /** The GPU in words. */
  public static String describe() {
    return switch (CudaDriver.probe()) {
      case CudaStatus.Unavailable unavailable -> unavailable.reason();
      case CudaStatus.Ready gpu ->
          "%s, %.0f GiB, compute capability %d.%d, driver for CUDA %d.%d"
              .formatted(
                  gpu.gpu(),
                  gpu.totalBytes() / GIBIBYTE,
                  gpu.computeCapability() / 10,
                  gpu.computeCapability() % 10,
                  gpu.driverVersion() / 1000,
                  gpu.driverVersion() % 1000 / 10);
    };
  }

  /**
   * Opens the first GPU.
   *
   * @param dtype what it computes in
   * @throws DeviceException with the reason, if it can't be had
   */
  public static Kernels open(DType dtype) {
    return open(dtype, CudaOptions.defaults());
  }

  static Kernels open(DType dtype, CudaOptions options) {
    missing()
        .ifPresent(reason -> {
          throw new DeviceException("the CUDA backend can't be used: " + reason);
        });
    return CudaKernels.open(dtype, kernels(), options);
  }

  private static boolean hasKernels() {
    String file = System.getProperty(KERNELS_PROPERTY);
    return file == null
        ? CudaBackend.class.getResource(RESOURCE) != null
        : Files.isReadable(Path.of(file));
  }

  private static MemorySegment kernels() {
    @Nullable String file = System.getProperty(KERNELS_PROPERTY);
    try {
      if (file != null) {
        return MemorySegment.ofArray(Files.readAllBytes(Path.of(file)));
      }
      try (InputStream in = CudaBackend.class.getResourceAsStream(RESOURCE)) {
        if (in == null) {
          throw new DeviceException("this build has no CUDA kernels");
        }
        return MemorySegment.ofArray(in.readAllBytes());
      }
    } catch (IOException e) {
      throw new DeviceException("the CUDA kernels can't be read: " + e.getMessage(), e);
    }
  }
}
