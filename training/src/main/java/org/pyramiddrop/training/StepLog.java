package org.pyramiddrop.training;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A CSV file with a line for each step, written as the steps end. A run that goes on cuts off the
 * lines of steps that are run again.
 */
final class StepLog implements AutoCloseable {
  static final String HEAD = "step,loss,gradient_norm,learning_rate,answer_tokens,image_tokens";

  private final Path path;
  private final RandomAccessFile file;
  private final List<Double> losses = new ArrayList<>();

  private StepLog(Path path, RandomAccessFile file) {
    this.path = path;
    this.file = file;
  }

  /**
   * Opens the file, making it if it isn't there.
   *
   * @param steps how many of its lines stay; 0 to begin anew
   * @throws TrainingException if it can't be written, or has other lines than those of the steps
   */
  static StepLog open(Path path, int steps) {
    try {
      RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw");
      try {
        StepLog log = new StepLog(path, file);
        log.begin(steps);
        return log;
      } catch (IOException | RuntimeException e) {
        file.close();
        throw e;
      }
    } catch (IOException e) {
      throw new TrainingException(path + " can't be written: " + e.getMessage(), e);
    }
  }

  private void begin(int steps) throws IOException {
    if (steps == 0) {
      file.setLength(0);
      write(HEAD);
      return;
    }
    if (!HEAD.equals(file.readLine())) {
      throw new TrainingException(path + " is no log of this run; name it by --log");
    }
    for (int step = 1; step <= steps; step++) {
      String line = file.readLine();
      String[] fields = line == null ? new String[0] : line.split(",", -1);
      if (fields.length != 6 || !fields[0].equals(String.valueOf(step))) {
        throw new TrainingException(
            "%s has no line of step %d; name the run's own log by --log".formatted(path, step));
      }
      losses.add(Double.parseDouble(fields[1]));
    }
    file.setLength(file.getFilePointer());
  }

  /** Adds a step's line. */
  void add(StepResult result) {
    losses.add(result.loss());
    try {
      write(
          "%d,%s,%s,%s,%d,%d"
              .formatted(
                  result.step(),
                  number(result.loss()),
                  number(result.gradientNorm()),
                  number(result.learningRate()),
                  result.answerTokens(),
                  result.imageTokens()));
    } catch (IOException e) {
      throw new TrainingException(path + " can't be written: " + e.getMessage(), e);
    }
  }

  /** Nine significant digits, which tell any two float32 numbers apart. */
  private static String number(double value) {
    return String.format(Locale.ROOT, "%.8e", value);
  }

  private void write(String line) throws IOException {
    file.write((line + "\n").getBytes(StandardCharsets.US_ASCII));
  }

  /** Waits until all lines are on the disk: a run that is saved needs them to go on. */
  void force() {
    try {
      file.getFD().sync();
    } catch (IOException e) {
      throw new TrainingException(path + " can't be written: " + e.getMessage(), e);
    }
  }

  /** The losses of all steps so far. */
  List<Double> losses() {
    return List.copyOf(losses);
  }

  @Override
  public void close() {
    try {
      file.close();
    } catch (IOException e) {
      throw new TrainingException(path + " can't be closed: " + e.getMessage(), e);
    }
  }
}
