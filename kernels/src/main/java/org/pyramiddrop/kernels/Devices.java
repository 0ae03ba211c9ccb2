package org.pyramiddrop.kernels;

import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Collectors;

/** The devices there are, and why others can't be had. */
public final class Devices {
  private static final String CPU = "cpu";

  private Devices() {}

  /** The providers in their order, slower devices first. */
  private static List<DeviceProvider> providers() {
    // Not the thread's class loader: in an application server or a Spark task it sees less.
    List<DeviceProvider> providers =
        ServiceLoader.load(DeviceProvider.class, DeviceProvider.class.getClassLoader()).stream()
            .map(ServiceLoader.Provider::get)
            .toList();
    if (providers.isEmpty()) {
      throw new DeviceException(
          "no device is named in META-INF/services/%s: put that file back into the repacked jar"
              .formatted(DeviceProvider.class.getName()));
    }
    return providers;
  }

  /** The state of every device this library knows, those that are missing included. */
  public static List<DeviceStatus> all() {
    return providers().stream().map(Devices::status).toList();
  }

  private static DeviceStatus status(DeviceProvider provider) {
    return provider
        .missing()
        .map(reason -> new DeviceStatus(provider.name(), false, reason))
        .orElseGet(() -> new DeviceStatus(provider.name(), true, provider.description()));
  }

  /**
   * The name of the device to take where none is asked for: the GPU if it can be had, else the CPU
   * with native products if they can, else the CPU.
   *
   * @throws DeviceException if an NVIDIA driver is there that Java may not call; taking the CPU
   *     would pass over a GPU in silence
   */
  public static String fastest() {
    return fastest(providers());
  }

  /** The same of those that have {@link Kernels#gradients}. */
  public static String fastestThatTrains() {
    return fastest(providers().stream().filter(DeviceProvider::trains).toList());
  }

  /** The same of those that compute in the host's memory: no GPU, whether one is there or not. */
  public static String fastestWithoutGpu() {
    return fastest(providers().stream().filter(DeviceProvider::readsInPlace).toList());
  }

  private static String fastest(List<DeviceProvider> providers) {
    String fastest = CPU;
    for (DeviceProvider provider : providers) {
      provider
          .forbidden()
          .ifPresent(reason -> {
            throw new DeviceException("%s, or ask for the %s by name".formatted(reason, CPU));
          });
      fastest = provider.missing().isEmpty() ? provider.name() : fastest;
    }
    return fastest;
  }

  /**
   * Whether a device computes in the host's memory, and reads weights where they lie.
   *
   * @param name {@code cpu}, {@code native} or {@code cuda}, whether it can be had or not
   */
  public static boolean readsInPlace(String name) {
    return providers().stream()
        .anyMatch(provider -> provider.name().equals(name) && provider.readsInPlace());
  }

  /**
   * Refuses a device that can't be had.
   *
   * @param name {@code cpu}, {@code native} or {@code cuda}
   * @throws DeviceException with the reason
   */
  public static void require(String name) {
    provider(name);
  }

  private static DeviceProvider provider(String name) {
    List<DeviceProvider> providers = providers();
    for (DeviceProvider provider : providers) {
      if (provider.name().equals(name)) {
        provider
            .missing()
            .ifPresent(reason -> {
              throw new DeviceException(provider.title() + " can't be used: " + reason);
            });
        return provider;
      }
    }
    String names = providers.stream().map(DeviceProvider::name).collect(Collectors.joining(" or "));
    throw new DeviceException("there is no device %s; use %s".formatted(name, names));
  }

  /**
   * Opens a device that refuses shapes and types which don't fit an operation.
   *
   * @param name {@code cpu}, {@code native} or {@code cuda}
   * @param threads how many threads the CPU uses, 0 for one a core
   * @param dtype what a GPU computes in: activations and weights; the CPU computes in float32
   * @throws DeviceException with the reason, if the device can't be had
   */
  public static Kernels open(String name, int threads, DType dtype) {
    int used = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
    return new CheckedKernels(provider(name).open(used, dtype));
  }
}
