package org.pyramiddrop.kernels.cuda;

import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The platform thread that owns a CUDA context. Any other, virtual ones too, hands its calls over
 * and waits; on the thread itself a call runs at once.
 */
final class OwnerThread implements AutoCloseable {
  private final ExecutorService executor;
  private @Nullable Thread thread;

  OwnerThread(String name) {
    executor =
        Executors.newSingleThreadExecutor(work -> {
          Thread created = new Thread(work, name);
          created.setDaemon(true);
          thread = created;
          return created;
        });
  }

  /**
   * What {@code work} gives, or throws.
   *
   * @throws IllegalStateException if this is closed
   */
  <T extends @Nullable Object> T call(Supplier<T> work) {
    if (Thread.currentThread().equals(thread)) {
      return work.get();
    }
    Future<T> result;
    try {
      result = executor.submit(work::get);
    } catch (RejectedExecutionException e) {
      throw new IllegalStateException("the device is closed", e);
    }
    // What runs on the device can't be taken back, so an interrupt waits for its end.
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return result.get();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      throw rethrown(e.getCause());
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private static RuntimeException rethrown(@Nullable Throwable cause) {
    if (cause instanceof RuntimeException unchecked) {
      return unchecked;
    }
    if (cause instanceof Error error) {
      throw error;
    }
    throw new AssertionError("a supplier throws nothing checked", cause);
  }

  /** Runs {@code work}. */
  void run(Runnable work) {
    this.<@Nullable Void>call(() -> {
      work.run();
      return null;
    });
  }

  /** Lets no further call in; a second call does nothing. */
  @Override
  public void close() {
    executor.shutdown();
  }
}
