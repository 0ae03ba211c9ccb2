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

  /** Starts a bar whose first step is under way. */
  Progress(String first) {
    if (Terminal.isThere()) {
      bar =
          new ProgressBarBuilder()
              .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
              .setStyle(ProgressBarStyle.UNICODE_BLOCK)
              .setTaskName("pyramiddrop")
              .setInitialMax(1)
              .continuousUpdate()
              .hideEta()
              .clearDisplayOnFinish()
              .build()
              .setExtraMessage(" " + first);
    }
  }

  /** Says how far some work is: {@code done} of {@code total} steps. */
  void move(String work, int done, int total) {
    if (bar != null) {
      bar.maxHint(total).stepTo(done).setExtraMessage(" " + work);
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
      // What cleared it doesn't end a line, and so would come after what others say there.
      System.err.flush();
    }
  }
}
