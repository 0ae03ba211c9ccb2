package org.pyramiddrop.cuda;

import org.jspecify.annotations.Nullable;

/** Runs every step of a clean-up, whatever fails on the way, and throws the first failure last. */
final class Cleanup {
  private @Nullable RuntimeException failure;

  /** Does one step; a failure waits for {@link #throwFailure}. */
  void run(Runnable step) {
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

  /** Throws the first failure, if there was one, with the others suppressed in it. */
  void throwFailure() {
    if (failure != null) {
      throw failure;
    }
  }
}
