package org.pyramiddrop.bench.speed.pruning;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Kernels;

/**
 * Wraps a device and notes how long each call of an operation takes. An operation that the device
 * makes of others, as {@link Kernels} does by default, is noted as those.
 */
final class CallTimer {
  private final List<Call> calls = new ArrayList<>();

  /** A call of {@link Kernels} by the method's name. */
  record Call(String operation, long nanos) {}

  /**
   * Wraps a device; closing the wrapper closes it.
   *
   * @throws IllegalArgumentException if calls return before their work is done, as on a GPU; the
   *     device is closed then
   */
  Kernels wrap(Kernels kernels) {
    if (kernels.replays()) {
      String device = kernels.description();
      kernels.close();
      throw new IllegalArgumentException(
          device
              + " runs operations after their calls return, so they can't be timed one by one;"
              + " use --backend cpu, or --breakdown-rounds 0");
    }
    return (Kernels)
        Proxy.newProxyInstance(
            Kernels.class.getClassLoader(),
            new Class<?>[] {Kernels.class},
            (proxy, method, arguments) ->
                // The CPU, which alone is timed, fuses nothing: these are made of others.
                method.isDefault()
                    ? InvocationHandler.invokeDefault(proxy, method, arguments)
                    : timed(kernels, method, arguments));
  }

  /** The calls since the last time this was called, in order. */
  List<Call> drain() {
    List<Call> drained = List.copyOf(calls);
    calls.clear();
    return drained;
  }

  private @Nullable Object timed(Kernels kernels, Method method, Object @Nullable [] arguments)
      throws Throwable {
    long start = System.nanoTime();
    try {
      return method.invoke(kernels, arguments);
    } catch (InvocationTargetException e) {
      throw e.getTargetException();
    } finally {
      calls.add(new Call(method.getName(), System.nanoTime() - start));
    }
  }
}
