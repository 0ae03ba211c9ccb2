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
import org.pyramiddrop.kernels.DeviceProvider;
import org.pyramiddrop.kernels.Kernels;

/** CUDA on an NVIDIA GPU. No class that needs a driver loads before one is found. */
public final class CudaProvider implements DeviceProvider {
  /** Names a file of compiled kernels to use instead of those in the jar. */
  public static final String KERNELS_PROPERTY = "pyramiddrop.cuda.kernels";

  private static final String RESOURCE = "kernels.fatbin";
  private static final double GIBIBYTE = 1L << 30;

  /** For {@link java.util.ServiceLoader}. */
  public CudaProvider() {}

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String title() {
    return "the CUDA backend";
  }

  /** Why driver, GPU, cuBLAS or kernels can't be used, in words. */
  @Override
  public Optional<String> missing() {
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

  @Override
  public Optional<String> forbidden() {
    return CudaDriver.probe() instanceof CudaStatus.Unavailable no && no.forbidden()
        ? Optional.of("an NVIDIA driver is there, but " + no.reason())
        : Optional.empty();
  }

  @Override
  public String description() {
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

  @Override
  public Kernels open(int threads, DType dtype) {
    return open(dtype, CudaOptions.defaults());
  }

  static CudaKernels open(DType dtype, CudaOptions options) {
    return new CudaKernels(dtype, kernels(), options);
  }

  private static boolean hasKernels() {
    String file = System.getProperty(KERNELS_PROPERTY);
    return file == null
        ? CudaProvider.class.getResource(RESOURCE) != null
        : Files.isReadable(Path.of(file));
  }

  private static MemorySegment kernels() {
    @Nullable String file = System.getProperty(KERNELS_PROPERTY);
    try {
      if (file != null) {
        return MemorySegment.ofArray(Files.readAllBytes(Path.of(file)));
      }
      try (InputStream in = CudaProvider.class.getResourceAsStream(RESOURCE)) {
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
