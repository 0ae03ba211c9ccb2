package org.pyramiddrop.transformer.engine;

import java.util.concurrent.CancellationException;

/**
 * One question's way through vision tower or prefill, told to a listener layer by layer, and ended
 * there if the listener or an interrupt wants that.
 *
 * <p>Layers are counted on the thread that asks alone. A GPU's recordings are captured, and where
 * they are not replayed also run, on the thread that owns its context: nothing is told there.
 */
public final class Progress {
  /** Hears nothing and stops nothing. */
  public static final Listener SILENT = (done, total) -> true;

  private final Listener listener;
  private final String work;
  private final int total;
  private final Thread asking = Thread.currentThread();
  private int done;

  /** Hears of layers that are done. */
  @FunctionalInterface
  public interface Listener {
    /**
     * Hears that so many layers of all are done.
     *
     * @return false to end the question here
     */
    boolean onProgress(int done, int total);
  }

  private Progress(Listener listener, String work, int total) {
    this.listener = listener;
    this.work = work;
    this.total = total;
  }

  /**
   * Begins to encode images, on the thread that asks.
   *
   * @param layers the vision tower's, times all crops
   */
  public static Progress ofVision(Listener listener, int layers) {
    return new Progress(listener, "images were encoded", layers);
  }

  /**
   * Begins a prefill, on the thread that asks.
   *
   * @param layers the decoder's
   */
  public static Progress ofPrefill(Listener listener, int layers) {
    return new Progress(listener, "the prompt was read", layers);
  }

  /** One more layer is done. */
  public void layer() {
    reach(done + 1);
  }

  /**
   * So many layers are done; nothing happens if they were before.
   *
   * @throws CancellationException if the listener or an interrupt ends the question
   */
  public void reach(int layers) {
    if (layers <= done || !Thread.currentThread().equals(asking)) {
      return;
    }
    done = layers;
    if (!listener.onProgress(done, total)) {
      throw new CancellationException("the listener stopped it while " + work);
    }
    refuseIfInterrupted();
  }

  /** Layers that are done. */
  public int done() {
    return done;
  }

  private void refuseIfInterrupted() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted while " + work);
    }
  }
}
