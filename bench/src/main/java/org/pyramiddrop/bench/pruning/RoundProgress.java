package org.pyramiddrop.bench.pruning;

import java.io.Console;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/** A progress bar on stderr, only where someone watches; gone when it is closed. */
final class RoundProgress implements AutoCloseable {
  private static final int WIDTH = 78;

  private final @Nullable ProgressBar bar;

  @SuppressWarnings("SystemConsoleNull") // Java 25 gives null where there is no terminal
  RoundProgress(int runs) {
    Console console = System.console();
    bar =
        console != null && console.isTerminal()
            ? new ProgressBarBuilder()
                .setConsumer(new ConsoleProgressBarConsumer(System.err, WIDTH))
                .setStyle(ProgressBarStyle.UNICODE_BLOCK)
                .setTaskName("pruning")
                .setInitialMax(runs)
                .clearDisplayOnFinish()
                .build()
            : null;
  }

  void next() {
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
