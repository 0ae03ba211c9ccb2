package org.pyramiddrop.bench.model;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Kernels;

/** A device whose calls are watched. */
public final class WatchedKernels {
  private WatchedKernels() {}

  /** Sees calls of {@link Kernels}. */
  @FunctionalInterface
  public interface Watcher {
    /** A call has ended, by the method's name. */
    void called(String operation, List<@Nullable Object> arguments, long nanos);
  }

  /**
   * Wraps a device; closing the wrapper closes it.
   *
   * @param parts whether an operation that {@link Kernels} makes of others by default is made of
   *     those, and seen as them, whatever the device does
   */
  public static Kernels of(Kernels kernels, boolean parts, Watcher watcher) {
    InvocationHandler handler =
        (proxy, method, arguments) -> {
          if (parts && method.isDefault()) {
            return InvocationHandler.invokeDefault(proxy, method, arguments);
          }
          long start = System.nanoTime();
          try {
            return method.invoke(kernels, arguments);
          } catch (InvocationTargetException e) {
            throw e.getTargetException();
          } finally {
            long nanos = System.nanoTime() - start;
            watcher.called(
                method.getName(), arguments == null ? List.of() : Arrays.asList(arguments), nanos);
          }
        };
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(), new Class<?>[] {Kernels.class}, handler);
  }
}
