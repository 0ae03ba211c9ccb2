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

  /** The error that the GPU was lost by. Only the GPU's thread reads and writes it. */
  private @Nullable CudaException loss;

  /** Asks the driver something that a lost GPU fails to answer; for the same thread. */
  private Runnable probe = () -> {};

  /** Sets a call that a lost GPU fails, and a working one answers at once. */
  void probeLossWith(Runnable question) {
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
   * Frees something. On a GPU that was lost before, errors are ignored.
   *
   * @throws DeviceException if the driver fails, and the GPU was not lost before
   */
  void release(Runnable work) {
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
      loss = e.isFatal() ? e : findLoss();
    }
    return new DeviceException("the GPU failed: " + e.getMessage(), e);
  }

  /** Asks the driver whether the GPU is lost, since a library's error doesn't say so. */
  private @Nullable CudaException findLoss() {
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
