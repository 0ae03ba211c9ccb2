package org.pyramiddrop.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.PictureException;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.Request;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Answers questions that have nothing to do with one another, several at a time. */
@Command(
    name = "batch",
    description = {
      "Answers many questions, several at a time. Reads a JSON object a line from the standard"
          + " input and prints, in the same order, one a line as generate does.",
      "A line is {\"prompt\": TEXT, \"images\": [FILE, ...]}, or with \"rawPrompt\" instead."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class BatchCommand implements Callable<Integer> {
  private final BufferedReader in;
  private final PrintWriter out;
  private final PrintWriter err;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "How many questions are answered together; ${DEFAULT-VALUE}.")
  private int batchSize = 8;

  @Mixin private AnswerOptions answering = new AnswerOptions();

  /** A line as it was read: a question, or why it is none. */
  private record Line(@Nullable Question question, String error) {}

  /** What is printed for a line that couldn't be asked. */
  private record ErrorJson(String error) {}

  BatchCommand(BufferedReader in, PrintWriter out, PrintWriter err) {
    this.in = in;
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws IOException {
    if (batchSize < 1) {
      throw new BadUse("--batch-size must be at least 1, got " + batchSize);
    }
    Options options = answering.options(Format.JSON);
    LlavaConfig config = model.config();
    options.pruning().schedule(config.text().layers());
    model.checkBackend();
    Progress progress = new Progress(1, "loading the model");
    try (progress;
        Llava llava = model.load()) {
      progress.close();
      return answerAll(llava, options);
    }
  }

  private int answerAll(Llava llava, Options options) throws IOException {
    int lines = 0;
    int failed = 0;
    List<Line> batch = nextBatch();
    while (!batch.isEmpty()) {
      for (Object answer : answers(llava, options, batch)) {
        out.println(Json.write(answer));
        lines++;
        failed += answer instanceof ErrorJson ? 1 : 0;
      }
      out.flush();
      batch = nextBatch();
    }
    if (failed > 0) {
      err.println("pyramiddrop: %d of %d lines couldn't be asked".formatted(failed, lines));
      return Failure.FAILED;
    }
    return 0;
  }

  private List<Line> nextBatch() throws IOException {
    List<Line> batch = new ArrayList<>();
    // Whoever waits for an answer before writing on gets it.
    while (batch.size() < batchSize && (batch.isEmpty() || in.ready())) {
      String line = in.readLine();
      if (line == null) {
        break;
      }
      if (!line.isBlank()) {
        batch.add(read(line));
      }
    }
    return batch;
  }

  private static Line read(String line) {
    try {
      return new Line(BatchLine.parse(line).question(), "");
    } catch (BadUse | IllegalArgumentException | PictureException e) {
      return new Line(null, Failure.message(e));
    }
  }

  /** What to print for each line. */
  private static List<Object> answers(Llava llava, Options options, List<Line> lines) {
    List<Request> rows = new ArrayList<>();
    for (Line line : lines) {
      if (line.question() != null) {
        rows.add(new Request(line.question(), options));
      }
    }
    List<Object> answered = answered(llava, rows);
    List<Object> all = new ArrayList<>();
    int next = 0;
    for (Line line : lines) {
      all.add(line.question() == null ? new ErrorJson(line.error()) : answered.get(next++));
    }
    return all;
  }

  private static List<Object> answered(Llava llava, List<Request> rows) {
    try {
      return llava.askAll(rows).stream()
          .<Object>map(answer -> GenerateJson.of(answer, llava))
          .toList();
    } catch (IllegalArgumentException | DeviceException e) {
      // One that can't be asked stops them all before any work, and the device may have no room
      // for all at once; alone each gets its own answer.
      if (rows.size() == 1) {
        return List.of(new ErrorJson(Failure.message(e)));
      }
      return rows.stream().flatMap(row -> answered(llava, List.of(row)).stream()).toList();
    }
  }
}
