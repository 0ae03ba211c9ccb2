package org.pyramiddrop.bench.speed.pruning;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.bench.model.WatchedKernels;
import org.pyramiddrop.kernels.Kernels;

/** Notes how long each call of a device's operations takes. */
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
    // The CPU, which alone is timed, fuses nothing: it makes operations of others.
    return WatchedKernels.of(
        kernels, true, (operation, _, nanos) -> calls.add(new Call(operation, nanos)));
  }

  /** The calls since the last time this was called, in order. */
  List<Call> drain() {
    List<Call> drained = List.copyOf(calls);
    calls.clear();
    return drained;
  }
}
