package org.pyramiddrop.kernels.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Threads that share the tasks of one operation at a time with the thread that asks.
 *
 * <p>Tasks are taken one by one from a counter, so that a core slowed by others does less. A worker
 * spins for a short while after a job before it parks: a forward pass is hundreds of jobs in close
 * succession.
 */
final class Workers implements AutoCloseable {
  /**
   * A task of a job; {@code worker} is below {@link #count} and is never used by two tasks at once.
   */
  @FunctionalInterface
  interface Task {
    void run(int task, int worker);
  }

  /** A task of rows takes at least so many numbers: fewer are not worth another thread. */
  private static final int NUMBERS_PER_TASK = 1 << 14;

  private static final int SPINS = 2_000;

  /** One parallel call: its tasks, and how many workers have yet to leave it. */
  private static final class Job {
    final Task task;
    final int tasks;
    final AtomicInteger next = new AtomicInteger();
    final AtomicInteger activeHelpers;
    final Thread caller = Thread.currentThread();
    volatile @Nullable Throwable failure;

    Job(Task task, int tasks, int helpers) {
      this.task = task;
      this.tasks = tasks;
      this.activeHelpers = new AtomicInteger(helpers);
    }

    void work(int worker) {
      try {
        for (int t = next.getAndIncrement(); t < tasks; t = next.getAndIncrement()) {
          task.run(t, worker);
        }
      } catch (Throwable e) {
        failure = e;
        next.set(tasks);
      }
    }
  }

  private final Thread[] helpers;
  private volatile @Nullable Job job;
  private volatile boolean closed;

  Workers(int count) {
    if (count < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + count);
    }
    helpers = new Thread[count - 1];
    for (int i = 0; i < helpers.length; i++) {
      int worker = i + 1;
      helpers[i] =
          Thread.ofPlatform().daemon().name("pyramiddrop-" + worker).start(() -> serve(worker));
    }
  }

  /** How many tasks can run at once, the caller's own included. */
  int count() {
    return helpers.length + 1;
  }

  /**
   * Runs tasks 0 to {@code tasks - 1} and returns when all are done; one task runs in the caller.
   */
  void run(int tasks, Task task) {
    if (closed) {
      throw new IllegalStateException("the CPU kernels are closed");
    }
    if (tasks <= 1 || helpers.length == 0) {
      for (int t = 0; t < tasks; t++) {
        task.run(t, 0);
      }
      return;
    }
    Job mine = new Job(task, tasks, helpers.length);
    job = mine;
    for (Thread helper : helpers) {
      LockSupport.unpark(helper);
    }
    mine.work(0);
    for (int spins = 0; mine.activeHelpers.get() > 0; spins++) {
      if (spins < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.park(mine);
      }
    }
    job = null;
    Throwable failure = mine.failure;
    if (failure instanceof RuntimeException e) {
      throw e;
    } else if (failure instanceof Error e) {
      throw e;
    }
  }

  /** Handles each of some rows, on the calling thread alone where there are few numbers. */
  void byRow(int rows, int columns, IntConsumer row) {
    byPart(rows, columns, (r, worker) -> row.accept(r));
  }

  /**
   * Handles each of some parts, on the calling thread alone where there are few numbers.
   *
   * @param numbers of a part, on average
   */
  void byPart(int parts, long numbers, Task part) {
    int each = (int) Math.max(1, NUMBERS_PER_TASK / Math.max(1, numbers));
    run(
        MatrixProduct.ceilDiv(parts, each),
        (task, worker) -> {
          for (int p = task * each; p < Math.min(parts, (task + 1) * each); p++) {
            part.run(p, worker);
          }
        });
  }

  /** Handles a run of numbers. */
  @FunctionalInterface
  interface Run {
    void handle(int first, int count);
  }

  /** Handles {@code count} numbers, run by run. */
  void byRun(int count, Run run) {
    run(
        MatrixProduct.ceilDiv(count, NUMBERS_PER_TASK),
        (task, worker) -> {
          int first = task * NUMBERS_PER_TASK;
          run.handle(first, Math.min(NUMBERS_PER_TASK, count - first));
        });
  }

  private void serve(int worker) {
    Job last = null;
    while (!closed) {
      Job now = job;
      for (int spins = 0; (now == null || now == last) && !closed; spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
        }
        now = job;
      }
      if (closed || now == null) {
        return;
      }
      now.work(worker);
      last = now;
      if (now.activeHelpers.decrementAndGet() == 0) {
        LockSupport.unpark(now.caller);
      }
    }
  }

  /** Ends the threads; a second call does nothing. */
  @Override
  public void close() {
    closed = true;
    for (Thread helper : helpers) {
      LockSupport.unpark(helper);
    }
    boolean interrupted = false;
    for (Thread helper : helpers) {
      while (helper.isAlive()) {
        try {
          helper.join();
        } catch (InterruptedException e) {
          interrupted = true;
        }
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
