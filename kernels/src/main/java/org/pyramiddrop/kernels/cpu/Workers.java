package org.pyramiddrop.kernels.cpu;

import java.util.concurrent.ThreadFactory;
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

  /**
   * One parallel call. A helper that has not come by the time all tasks are taken is not waited
   * for: where others want its core, that may be long.
   */
  private static final class Job {
    /** No helper comes in any more. */
    private static final int CLOSED = 1 << 30;

    private final Task task;
    private final int tasks;
    private final AtomicInteger next = new AtomicInteger();

    /** How many helpers are inside, and {@link #CLOSED}. */
    private final AtomicInteger helpers = new AtomicInteger();

    private final Thread caller = Thread.currentThread();
    private volatile @Nullable Throwable failure;

    Job(Task task, int tasks) {
      this.task = task;
      this.tasks = tasks;
    }

    /** Works in a helper, unless the job is closed. */
    void help(int worker) {
      int before = helpers.getAndUpdate(state -> state < CLOSED ? state + 1 : state);
      if (before >= CLOSED) {
        return;
      }
      work(worker);
      if (helpers.decrementAndGet() == CLOSED) {
        LockSupport.unpark(caller);
      }
    }

    /** Lets no helper in any more, and waits for those inside. */
    void close() {
      helpers.getAndUpdate(state -> state | CLOSED);
      for (int spins = 0; helpers.get() != CLOSED; spins++) {
        if (spins < SPINS) {
          Thread.onSpinWait();
        } else {
          LockSupport.park(this);
        }
      }
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
    this(count, Thread.ofPlatform().daemon().name("pyramiddrop-", 1).factory());
  }

  /**
   * Starts helpers, one less than workers.
   *
   * @param threads makes them
   */
  Workers(int count, ThreadFactory threads) {
    if (count < 1) {
      throw new IllegalArgumentException("threads must be at least 1, not " + count);
    }
    helpers = new Thread[count - 1];
    for (int i = 0; i < helpers.length; i++) {
      int worker = i + 1;
      helpers[i] = threads.newThread(() -> serve(worker));
      helpers[i].start();
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
    Job mine = new Job(task, tasks);
    job = mine;
    for (Thread helper : helpers) {
      LockSupport.unpark(helper);
    }
    mine.work(0);
    mine.close();
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
      now.help(worker);
      last = now;
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
