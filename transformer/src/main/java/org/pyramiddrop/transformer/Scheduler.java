package org.pyramiddrop.transformer;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.transformer.engine.WeightFault;

/**
 * Answers requests as they come, those that are there together: each decode step reads the weights
 * once for all of them. A request joins between two steps, and leaves when its answer ends. Answers
 * are those that the requests would get alone, up to rounding.
 *
 * <p>Waiting requests are let in in the order they came, at most one between two steps, so that
 * neither those that wait nor those that are being answered are held up by more than one prompt.
 * One that needs more bytes than are free waits until they are, and so do those behind it.
 *
 * <p>Any number of threads may submit. One thread of the scheduler's own does all work, and there
 * is none while nothing is to be done.
 */
public final class Scheduler implements AutoCloseable {
  private final Model model;
  private final SchedulerLimits limits;

  /** Guards everything below. */
  private final ReentrantLock lock = new ReentrantLock();

  private final Condition idle = lock.newCondition();
  private final Deque<Submission> waiting = new ArrayDeque<>();
  private final Map<ActiveRequest, Submission> running = new LinkedHashMap<>();
  private @Nullable Thread thread;
  private boolean closed;

  Scheduler(Model model, SchedulerLimits limits) {
    this.model = model;
    this.limits = limits;
  }

  /** Takes a request without a listener. */
  public Submission submit(Request request) {
    return submit(request, (id, text) -> true);
  }

  /**
   * Takes a request, which waits for a place. What can't be asked is refused here.
   *
   * @param listener called on the scheduler's thread, which should soon have it back; it may end
   *     the answer
   * @throws QueueFullException if as many requests wait as may
   * @throws IllegalArgumentException as {@link Llava#ask(Question, Options, TokenListener)}, or if
   *     the request alone needs more bytes of keys and values than all may have
   * @throws ChatTemplateException if the chat template has no place for what is asked
   * @throws IllegalStateException if the scheduler or the model is closed, or a listener asks this
   *     while it hears of progress
   */
  public Submission submit(Request request, TokenListener listener) {
    refuseIfFull();
    Submission submission = check(request, listener);
    if (submission.keyValueBytes() > limits.keyValueBytes()) {
      throw new IllegalArgumentException(
          "the request needs %,d bytes for keys and values, and all together may have %,d; ask for fewer tokens, or a plan that keeps fewer"
              .formatted(submission.keyValueBytes(), limits.keyValueBytes()));
    }
    lock.lock();
    try {
      refuseIfFull();
      waiting.add(submission);
      if (thread == null) {
        thread = Thread.ofPlatform().daemon().name("scheduler").start(this::run);
      }
      return submission;
    } finally {
      lock.unlock();
    }
  }

  /** Reads the prompt, while which the model stays open. */
  private Submission check(Request request, TokenListener listener) {
    model.turns().enter();
    try {
      return new Submission(this, model, request, listener);
    } finally {
      model.turns().leave();
    }
  }

  private void refuseIfFull() {
    lock.lock();
    try {
      if (closed) {
        throw new IllegalStateException("the scheduler is closed");
      }
      if (waiting.size() >= limits.waiting()) {
        throw new QueueFullException(waiting.size());
      }
    } finally {
      lock.unlock();
    }
  }

  /** What it has taken on now. */
  public SchedulerLoad load() {
    lock.lock();
    try {
      return new SchedulerLoad(running.size(), waiting.size(), bytes());
    } finally {
      lock.unlock();
    }
  }

  /** Takes a request out of the queue; says whether it was there. */
  boolean withdraw(Submission submission) {
    lock.lock();
    try {
      return waiting.remove(submission);
    } finally {
      lock.unlock();
    }
  }

  private long bytes() {
    return running.values().stream().mapToLong(Submission::keyValueBytes).sum();
  }

  /** Works until nothing waits or runs. */
  private void run() {
    try {
      model.turns().enter();
    } catch (IllegalStateException e) {
      endAll(e);
      return;
    }
    try (RunningBatch batch = new RunningBatch(model)) {
      while (true) {
        Submission next = next();
        if (next != null) {
          admit(next, batch);
        } else if (batch.rows().isEmpty()) {
          return;
        }
        if (!batch.rows().isEmpty()) {
          step(batch);
        }
      }
    } catch (RuntimeException | Error e) {
      // A device that can't even free something is past answering anybody.
      endAll(e);
    } finally {
      model.turns().leave();
    }
  }

  /**
   * The request that has waited longest, if there is room for it; the thread ends with the last.
   */
  private @Nullable Submission next() {
    lock.lock();
    try {
      Submission first = waiting.peek();
      if (first == null) {
        if (running.isEmpty()) {
          thread = null;
          idle.signalAll();
        }
        return null;
      }
      boolean fits =
          running.size() < limits.rows()
              && bytes() + first.keyValueBytes() <= limits.keyValueBytes();
      if (!fits) {
        return null;
      }
      waiting.remove();
      running.put(first.request(), first);
      return first;
    } finally {
      lock.unlock();
    }
  }

  private void admit(Submission next, RunningBatch batch) {
    try {
      model.refuseIfChanged();
      if (WeightFault.named(model.folder(), next::prefill)) {
        batch.join(next.request());
      } else {
        answered(next);
      }
    } catch (RuntimeException | Error e) {
      failed(next, e);
    }
  }

  private void step(RunningBatch batch) {
    Map<ActiveRequest, Generation.SampledToken> tokens;
    try {
      tokens = WeightFault.named(model.folder(), batch::step);
    } catch (RuntimeException | Error e) {
      for (ActiveRequest row : batch.rows()) {
        batch.leave(row);
        failed(submission(row), e);
      }
      return;
    }
    tokens.forEach((row, token) -> {
      Submission submission = submission(row);
      try {
        if (!row.accept(token)) {
          batch.leave(row);
          answered(submission);
        }
      } catch (RuntimeException | Error e) {
        batch.leave(row);
        failed(submission, e);
      }
    });
  }

  /** Hands out an answer, and gives the place to another. */
  private void answered(Submission submission) {
    ended(submission);
    submission.answered(model);
  }

  private void failed(Submission submission, Throwable why) {
    ended(submission);
    submission.failed(why);
  }

  private void ended(Submission submission) {
    lock.lock();
    try {
      running.remove(submission.request());
    } finally {
      lock.unlock();
    }
  }

  private Submission submission(ActiveRequest row) {
    lock.lock();
    try {
      return Objects.requireNonNull(running.get(row));
    } finally {
      lock.unlock();
    }
  }

  /** Fails everything, with nobody left to work on it. */
  private void endAll(Throwable why) {
    List<Submission> all;
    lock.lock();
    try {
      all = all();
      running.clear();
      waiting.clear();
      thread = null;
      idle.signalAll();
    } finally {
      lock.unlock();
    }
    all.forEach(submission -> submission.failed(why));
  }

  private List<Submission> all() {
    List<Submission> all = new ArrayList<>(running.values());
    all.addAll(waiting);
    return all;
  }

  /**
   * Takes nothing more, {@linkplain Submission#cancel cancels} what waits and runs, and waits until
   * it has ended; a second call does nothing.
   *
   * @throws IllegalStateException if a listener calls this, whose own answer could then never end
   */
  @Override
  public void close() {
    List<Submission> all;
    lock.lock();
    try {
      if (Thread.currentThread().equals(thread)) {
        throw new IllegalStateException(
            "a listener can't close the scheduler; return false and close it after");
      }
      closed = true;
      all = all();
    } finally {
      lock.unlock();
    }
    all.forEach(Submission::cancel);
    lock.lock();
    try {
      while (thread != null) {
        idle.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }
}
