package org.pyramiddrop.kernels.cpu;

import java.util.Optional;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.DeviceProvider;
import org.pyramiddrop.kernels.Kernels;

/**
 * The CPU with products by native code, for instructions that Java's compiler doesn't emit. All
 * else is the Vector API's.
 */
public final class NativeProvider implements DeviceProvider {
  /** For {@link java.util.ServiceLoader}. */
  public NativeProvider() {}

  /** The library in the jar and what is wrong with it, found out once. */
  private static final class Bundled {
    static final Found FOUND = Found.here();

    private Bundled() {}
  }

  /**
   * A library that may be used, or why none may.
   *
   * @param reason why not; empty if it may
   */
  private record Found(Optional<NativeLibrary> library, String reason) {
    static Found here() {
      try {
        NativeLibrary library = NativeLibrary.open();
        NativeSelfTest.hold(library);
        return new Found(Optional.of(library), "");
      } catch (DeviceException e) {
        return new Found(Optional.empty(), String.valueOf(e.getMessage()));
      }
    }
  }

  private Found found() {
    return System.getProperty(NativeLibrary.PROPERTY, "").isBlank() ? Bundled.FOUND : Found.here();
  }

  @Override
  public String name() {
    return "native";
  }

  @Override
  public String title() {
    return "the native backend";
  }

  /** Why library, processor or the Vector API can't be used, in words. */
  @Override
  public Optional<String> missing() {
    return new CpuProvider()
        .missing()
        .or(() -> Optional.of(found().reason).filter(reason -> !reason.isEmpty()));
  }

  @Override
  public String description() {
    return found().library.orElseThrow().used();
  }

  @Override
  public Kernels open(int threads, DType dtype) {
    Found found = found();
    return new CpuKernels(
        threads, found.library.orElseThrow(() -> new DeviceException(found.reason)));
  }

  @Override
  public boolean readsInPlace() {
    return true;
  }

  @Override
  public boolean trains() {
    return false;
  }
}
