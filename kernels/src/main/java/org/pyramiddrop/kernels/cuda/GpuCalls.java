package org.pyramiddrop.kernels.cuda;

import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.kernels.DeviceException;

/**
 * Calls on the thread that owns a GPU. What the driver fails with becomes a {@link
 * DeviceException}; a GPU that is lost to this process is asked for nothing more.
 */
final class GpuCalls implements AutoCloseable {
  private final OwnerThread owner = new OwnerThread("pyramiddrop-cuda");

  /** What the GPU was lost by. This and the next belong to the GPU's thread. */
  private @Nullable CudaException loss;

  private Runnable probe = () -> {};

  /** Says what a lost GPU fails to do, and another does at once. */
  void probeBy(Runnable question) {
    probe = question;
  }

  /**
   * What {@code work} gives.
   *
   * @throws DeviceException if the driver fails, or the GPU was lost before
   */
  <T extends @Nullable Object> T call(Supplier<T> work) {
    return owner.call(() -> {
      if (loss != null) {
        throw new DeviceException("the GPU is lost to this process: " + loss.getMessage(), loss);
      }
      try {
        return work.get();
      } catch (CudaException e) {
        throw failure(e);
      }
    });
  }

  /** Does {@code work}; throws as {@link #call} does. */
  void run(Runnable work) {
    this.<@Nullable Void>call(() -> {
      work.run();
      return null;
    });
  }

  /**
   * Gives something back, as far as that goes: what a lost GPU answers is no news.
   *
   * @throws DeviceException if the driver fails, and the GPU was not lost before
   */
  void giveBack(Runnable work) {
    owner.run(() -> {
      boolean lost = loss != null;
      try {
        work.run();
      } catch (CudaException e) {
        DeviceException failure = failure(e);
        if (!lost) {
          throw failure;
        }
      }
    });
  }

  private DeviceException failure(CudaException e) {
    if (loss == null) {
      loss = e.isFatal() ? e : lossBehind();
    }
    return new DeviceException("the GPU failed: " + e.getMessage(), e);
  }

  /** A library's error says less than the driver's would. */
  private @Nullable CudaException lossBehind() {
    try {
      probe.run();
    } catch (CudaException e) {
      return e.isFatal() ? e : null;
    } catch (IllegalStateException e) {
      // The context is closed, so there is nothing left to lose.
      return null;
    }
    return null;
  }

  /** Lets no further call in; a second call does nothing. */
  @Override
  public void close() {
    owner.close();
  }
}
