package org.pyramiddrop.transformer;

/**
 * How a model is loaded.
 *
 * @param backend what runs it
 * @param dtype the type of its weights
 * @param threads threads of the CPU backend, at least 1
 */
public record LoadOptions(Backend backend, WeightType dtype, int threads) {

  /** Refuses fewer than one thread. */
  public LoadOptions {
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be at least 1, got " + threads);
    }
  }

  /** The fastest backend, weights as they are in the checkpoint, a thread for each processor. */
  public static LoadOptions defaults() {
    return new LoadOptions(
        Backend.AUTO, WeightType.AUTO, Runtime.getRuntime().availableProcessors());
  }

  /** These options on another backend. */
  public LoadOptions withBackend(Backend newBackend) {
    return new LoadOptions(newBackend, dtype, threads);
  }

  /** These options with weights of another type. */
  public LoadOptions withDtype(WeightType newDtype) {
    return new LoadOptions(backend, newDtype, threads);
  }

  /** These options with another number of threads. */
  public LoadOptions withThreads(int newThreads) {
    return new LoadOptions(backend, dtype, newThreads);
  }
}
