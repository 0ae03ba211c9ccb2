package org.pyramiddrop.kernels.cpu;

import java.util.Optional;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceProvider;
import org.pyramiddrop.kernels.Kernels;

/** The CPU, where Java has the Vector API. No class that needs it loads before it is found. */
public final class CpuProvider implements DeviceProvider {
  private static final String VECTOR_API = "jdk.incubator.vector";

  /** For {@link java.util.ServiceLoader}. */
  public CpuProvider() {}

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String title() {
    return "the CPU";
  }

  @Override
  public Optional<String> missing() {
    return ModuleLayer.boot().findModule(VECTOR_API).isPresent()
        ? Optional.empty()
        : Optional.of(
            "Java leaves the Vector API out unless asked: start it with --add-modules "
                + VECTOR_API);
  }

  @Override
  public String description() {
    int cores = Runtime.getRuntime().availableProcessors();
    return "%d-bit vectors, %d core%s"
        .formatted(CpuKernels.vectorBits(), cores, cores == 1 ? "" : "s");
  }

  @Override
  public Kernels open(int threads, DType dtype) {
    return new CpuKernels(threads);
  }

  @Override
  public boolean readsInPlace() {
    return true;
  }
}
