package org.pyramiddrop.cli;

import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * A progress bar on stderr that is there only where someone watches, and gone when it is closed.
 */
final class Progress implements AutoCloseable {
  private static final int WIDTH = 78;
  private @Nullable ProgressBar bar;

  /** Starts a bar of some steps, the first of them under way. */
  Progress(int steps, String first) {
    if (Terminal.isThere()) {
      bar =
          new ProgressBarBuilder()
              .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
              .setStyle(ProgressBarStyle.UNICODE_BLOCK)
              .setTaskName("pyramiddrop")
              .setInitialMax(steps)
              .hideEta()
              .clearDisplayOnFinish()
              .build()
              .setExtraMessage(" " + first);
    }
  }

  /** Goes on to the next step. */
  void next(String step) {
    if (bar != null) {
      bar.step().setExtraMessage(" " + step);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
