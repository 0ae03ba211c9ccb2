package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.pyramiddrop.kernels.DeviceException;

/**
 * Threads that copy host memory side by side. Where it is a mapped file, each waits for pages of
 * its own, so that the disk has many to bring at once, and pages that are there are mapped by as
 * many cores.
 */
final class Readers implements AutoCloseable {
  /** A load comes in many weights, one soon after the other; behind the last the threads end. */
  private static final long IDLE_MILLIS = 500;

  private final int count;
  private final ThreadPoolExecutor threads;

  /**
   * Prepares; threads start when there is work.
   *
   * @param count the most that run at once
   */
  Readers(int count) {
    this.count = count;
    threads =
        new ThreadPoolExecutor(
            count,
            count,
            IDLE_MILLIS,
            TimeUnit.MILLISECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().name("pyramiddrop-reader-", 0).daemon().factory());
    threads.allowCoreThreadTimeOut(true);
  }

  /** How many there are. */
  int count() {
    return count;
  }

  /** Copies one segment to another of the same size, some time before {@link #await} returns. */
  Future<?> read(MemorySegment from, MemorySegment to) {
    return threads.submit(() -> copy(from, to));
  }

  /**
   * Copies on the calling thread.
   *
   * @throws DeviceException if what lies behind the source can't be read any more
   */
  @SuppressWarnings("ThreadPriorityCheck") // It is not for the scheduler.
  static void copy(MemorySegment from, MemorySegment to) {
    try {
      to.copyFrom(from);
      if (from.isMapped()) {
        // The error comes at the next safepoint, in compiled code long after this method and the
        // end of its task; leaving for native code is one.
        Thread.yield();
      }
    } catch (InternalError e) {
      // The virtual machine's answer where a mapped file has no bytes for a page.
      throw new DeviceException(
          "a file that weights are read from was cut short or can't be read any more", e);
    }
  }

  /**
   * Waits for a copy, also while the thread is interrupted: what it reads and writes may be freed
   * only behind it.
   *
   * @throws DeviceException if it failed
   */
  static void await(Future<?> copy) {
    boolean interrupted = false;
    try {
      while (true) {
        try {
          copy.get();
          return;
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    } catch (ExecutionException e) {
      Throwable cause = Objects.requireNonNull(e.getCause(), "what the copy failed with");
      throw new DeviceException(
          cause instanceof DeviceException
              ? String.valueOf(cause.getMessage())
              : "memory for the GPU can't be read: " + cause,
          cause);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Takes no further work; threads end when they have done what they were given. */
  @Override
  public void close() {
    threads.shutdown();
  }
}
