package org.pyramiddrop.transformer.engine;

import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Kernels;

/** Idle runners, so that a question of a shape that was there lately finds its work recorded. */
public final class RunnerPool implements AutoCloseable {
  /** A runner holds caches, so few are kept; and none where recording saves nothing. */
  private static final int MOST_IDLE = 4;

  private final Kernels kernels;
  private final Decoder decoder;

  /** The one released last comes first. */
  private final Deque<SequenceRunner> idle = new ArrayDeque<>();

  public RunnerPool(Kernels kernels, Decoder decoder) {
    this.kernels = kernels;
    this.decoder = decoder;
  }

  /** A runner of that shape, for one question until it is released or closed. */
  public SequenceRunner acquire(SequenceRunner.Shape shape) {
    for (Iterator<SequenceRunner> runners = idle.iterator(); runners.hasNext(); ) {
      SequenceRunner runner = runners.next();
      if (runner.shape().equals(shape) && runner.canResume()) {
        runners.remove();
        runner.resume();
        return runner;
      }
    }
    return create(shape, idle);
  }

  /** A new runner that is the caller's to close, and shares nothing. */
  public SequenceRunner create(SequenceRunner.Shape shape) {
    return create(shape, List.of());
  }

  private SequenceRunner create(SequenceRunner.Shape shape, Collection<SequenceRunner> lenders) {
    try {
      return new SequenceRunner(kernels, decoder, shape, lenders);
    } catch (DeviceException e) {
      if (idle.isEmpty()) {
        throw e;
      }
      // What waits for other shapes may be what is missing.
      try {
        close();
        return new SequenceRunner(kernels, decoder, shape);
      } catch (RuntimeException again) {
        again.addSuppressed(e);
        throw again;
      }
    }
  }

  /** Keeps a runner whose question ended well. */
  public void release(SequenceRunner runner) {
    if (!kernels.replays()) {
      runner.close();
      return;
    }
    if (idle.size() == MOST_IDLE) {
      idle.removeLast().close();
    }
    runner.pause();
    idle.push(runner);
  }

  @Override
  public void close() {
    Resources all = new Resources();
    idle.forEach(all::add);
    idle.clear();
    all.close();
  }
}
