package org.pyramiddrop.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.training.StepResult;
import org.pyramiddrop.training.TrainingListener;
import org.pyramiddrop.training.TrainingRun;

/** Says how a training run goes on: a bar where someone watches, a line now and then elsewhere. */
final class TrainingProgress implements TrainingListener, AutoCloseable {
  private static final double SECONDS_BETWEEN_LINES = 10;

  private final PrintWriter out;
  private final PrintWriter err;
  private @Nullable Progress bar;
  private double seconds;
  private int steps;
  private long lastLine;

  TrainingProgress(PrintWriter out, PrintWriter err) {
    this.out = out;
    this.err = err;
  }

  /** Says what is trained. */
  void begin(TrainingRun run) {
    out.printf(
        Locale.ROOT,
        "training %,d numbers on %s, %d steps%s%n",
        run.trainedNumbers(),
        run.device(),
        run.steps(),
        run.done() == 0 ? "" : ", " + run.done() + " of them done");
    out.flush();
    bar = new Progress("step " + (run.done() + 1));
    lastLine = System.nanoTime();
  }

  @Override
  public void step(StepResult result, int all) {
    seconds += result.seconds();
    steps++;
    double left = seconds / steps * (all - result.step());
    String line = line(result, left);
    if (bar != null) {
      bar.move(line, result.step(), all);
    }
    boolean due = (System.nanoTime() - lastLine) / 1e9 >= SECONDS_BETWEEN_LINES;
    if (!Terminal.isThere() && (due || result.step() == all)) {
      out.println("step %d of %d: %s".formatted(result.step(), all, line));
      out.flush();
      lastLine = System.nanoTime();
    }
  }

  private static String line(StepResult result, double secondsLeft) {
    String stages =
        result.stageImageTokens().stream().map(String::valueOf).collect(Collectors.joining("/"));
    return String.format(
        Locale.ROOT,
        "loss %.4f, %.0f tokens/s, image tokens %s, %s left",
        result.loss(),
        (result.textTokens() + result.imageTokens()) / result.seconds(),
        stages,
        duration(secondsLeft));
  }

  private static String duration(double seconds) {
    long whole = Math.round(seconds);
    return whole < 60
        ? whole + " s"
        : whole < 3600
            ? "%d min %02d s".formatted(whole / 60, whole % 60)
            : "%d h %02d min".formatted(whole / 3600, whole / 60 % 60);
  }

  @Override
  public void skipped(String line) {
    err.println("pyramiddrop: skipped: " + line);
    err.flush();
  }

  @Override
  public void saved(Path folder, int step) {
    out.println("saved step %d in %s".formatted(step, folder));
    out.flush();
  }

  /** Says where the result is. */
  void end(TrainingRun.Outcome outcome, Path folder, TrainingRun run) {
    close();
    switch (outcome) {
      case FINISHED -> out.println("the result is in " + folder);
      case STOPPED ->
          out.println(
              run.done() == 0
                  ? "stopped before the first step was done; nothing was saved"
                  : "stopped behind step %d of %d; the same command with --resume goes on"
                      .formatted(run.done(), run.steps()));
    }
    out.flush();
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      bar = null;
    }
  }
}
