package org.pyramiddrop.transformer;

import java.util.concurrent.CancellationException;
import org.pyramiddrop.transformer.TokenListener.Phase;

/**
 * One question's way through a phase, told to its listener layer by layer, and ended there if the
 * listener or an interrupt wants that.
 *
 * <p>Layers are counted on the thread that asks alone. A GPU's recordings are captured, and where
 * they are not replayed also run, on the thread that owns its context: nothing is told there.
 */
final class Progress {
  private final TokenListener listener;
  private final Phase phase;
  private final int total;
  private final Thread asking = Thread.currentThread();
  private int done;

  /**
   * Begins a phase on the thread that asks.
   *
   * @param total layers that are to be done
   */
  Progress(TokenListener listener, Phase phase, int total) {
    this.listener = listener;
    this.phase = phase;
    this.total = total;
  }

  /** A phase of which nobody is told, and that an interrupt ends. */
  static Progress unheard(Phase phase) {
    return new Progress((id, text) -> true, phase, Integer.MAX_VALUE);
  }

  /** One more layer is done. */
  void layer() {
    reach(done + 1);
  }

  /**
   * So many layers are done; nothing happens if they were before.
   *
   * @throws CancellationException if the listener or an interrupt ends the question
   */
  void reach(int layers) {
    if (layers <= done || !Thread.currentThread().equals(asking)) {
      return;
    }
    done = layers;
    if (!listener.onProgress(phase, done, total)) {
      throw new CancellationException("the listener stopped it while " + work());
    }
    refuseIfInterrupted();
  }

  /** Layers that are done. */
  int done() {
    return done;
  }

  private void refuseIfInterrupted() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted while " + work());
    }
  }

  private String work() {
    return switch (phase) {
      case VISION -> "pictures were encoded";
      case PREFILL -> "the prompt was read";
    };
  }
}
