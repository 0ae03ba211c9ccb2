package org.pyramiddrop.bench.report;

import java.io.Console;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * A progress bar on stderr that is there only where someone watches, and gone when it is closed.
 */
public final class Progress implements AutoCloseable {
  private static final int WIDTH = 78;

  private final @Nullable ProgressBar bar;

  /** Starts a bar of some steps. */
  @SuppressWarnings("SystemConsoleNull") // Java 25 gives null where there is no terminal
  public Progress(String title, int steps) {
    Console console = System.console();
    bar =
        console == null || !console.isTerminal()
            ? null
            : new ProgressBarBuilder()
                .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                .setTaskName(title)
                .setInitialMax(steps)
                .clearDisplayOnFinish()
                .build();
  }

  public void step() {
    if (bar != null) {
      bar.step();
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
