package org.pyramiddrop.cuda;

import org.jspecify.annotations.Nullable;

/** Closes several things, every one of them, and throws the first failure at the end. */
final class Closing {
  private @Nullable RuntimeException failure;

  /** Does one step; a failure waits until {@link #finish}. */
  void step(Runnable step) {
    try {
      step.run();
    } catch (CudaException | IllegalStateException e) {
      if (failure == null) {
        failure = e;
      } else {
        failure.addSuppressed(e);
      }
    }
  }

  /** Throws the first failure, the others suppressed in it. */
  void finish() {
    if (failure != null) {
      throw failure;
    }
  }
}
