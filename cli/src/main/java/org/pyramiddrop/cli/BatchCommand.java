package org.pyramiddrop.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Request;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/** Answers questions that have nothing to do with one another, several at a time. */
@Command(
    name = "batch",
    description = {
      "Answers many questions, several at a time. Reads a JSON object a line from the standard"
          + " input and prints, in the same order, one a line as generate does, with the line's"
          + " number and its id.",
      "A line is {\"prompt\": TEXT, \"images\": [FILE, ...], \"id\": TEXT}, or with \"rawPrompt\""
          + " instead of \"prompt\"; images and id may be left out."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class BatchCommand implements Callable<Integer> {
  private final InputLines in;
  private final PrintWriter out;
  private final PrintWriter err;

  @Mixin private ModelOptions model = new ModelOptions();

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      description = "How many questions are answered together; ${DEFAULT-VALUE}.")
  private int batchSize = 8;

  @Mixin private ImageOptions images = new ImageOptions();

  @Mixin private AnswerOptions answering = new AnswerOptions();

  /** A line as it was read: a question, or why it is none. */
  private record Line(
      long number, @Nullable JsonNode id, @Nullable BatchLine asked, String error) {}

  /** What is printed for a line that was answered. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  private record AnswerJson(long line, @Nullable JsonNode id, @JsonUnwrapped GenerateJson answer) {}

  /** What is printed for a line that couldn't be asked. */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  private record ErrorJson(long line, @Nullable JsonNode id, String error) {}

  BatchCommand(InputLines in, PrintWriter out, PrintWriter err) {
    this.in = in;
    this.out = out;
    this.err = err;
  }

  @Override
  public Integer call() throws IOException {
    if (batchSize < 1) {
      throw new UsageException("--batch-size must be at least 1, got " + batchSize);
    }
    Options options = answering.options(Format.JSON);
    images.limits();
    LlavaConfig config = model.config();
    options.pruning().schedule(config.text().layers());
    model.checkBackend();
    Progress progress = new Progress("loading the model");
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
    while (!batch.isEmpty() && !out.checkError()) {
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
      return ExitReason.FAILED;
    }
    return 0;
  }

  private List<Line> nextBatch() throws IOException {
    List<Line> batch = new ArrayList<>();
    // Whoever waits for an answer before writing on gets it.
    while (batch.size() < batchSize && (batch.isEmpty() || in.ready())) {
      InputLine line = in.next();
      if (line == null) {
        break;
      }
      batch.add(read(line));
    }
    return batch;
  }

  private static Line read(InputLine line) {
    JsonNode id = null;
    try {
      String words = line.words();
      if (words.isBlank()) {
        throw new UsageException("the line is blank");
      }
      JsonNode root = BatchLine.object(words);
      id = BatchLine.id(root);
      return new Line(line.number(), id, BatchLine.of(root), "");
    } catch (UsageException | IllegalArgumentException e) {
      return new Line(line.number(), id, null, ExitReason.message(e));
    }
  }

  /** What to print for each line. */
  private List<Object> answers(Llava llava, Options options, List<Line> lines) {
    List<BatchLine> rows = new ArrayList<>();
    for (Line line : lines) {
      if (line.asked() != null) {
        rows.add(line.asked());
      }
    }
    List<Answered> answered = answered(llava, options, rows);
    List<Object> all = new ArrayList<>();
    int next = 0;
    for (Line line : lines) {
      Answered row = line.asked() == null ? new Answered(null, line.error()) : answered.get(next++);
      all.add(
          row.json() == null
              ? new ErrorJson(line.number(), line.id(), row.error())
              : new AnswerJson(line.number(), line.id(), row.json()));
    }
    return all;
  }

  /** An answer, or why there is none. */
  private record Answered(@Nullable GenerateJson json, String error) {}

  private List<Answered> answered(Llava llava, Options options, List<BatchLine> rows) {
    if (rows.isEmpty()) {
      return List.of();
    }
    try {
      List<Request> requests =
          rows.stream().map(row -> new Request(row.question(images), options)).toList();
      return llava.askAll(requests).stream()
          .map(answer -> new Answered(GenerateJson.of(answer, llava), ""))
          .toList();
    } catch (RuntimeException | OutOfMemoryError e) {
      if (!ExitReason.isOfOneQuestion(e)) {
        throw e;
      }
      if (rows.size() == 1) {
        return List.of(new Answered(null, ExitReason.message(e)));
      }
    }
    // One that can't be asked stops them all before any work, and memory may not hold all of them
    // at once: fewer together each get their own answer.
    List<Answered> all = new ArrayList<>();
    int half = rows.size() / 2;
    all.addAll(answered(llava, options, rows.subList(0, half)));
    all.addAll(answered(llava, options, rows.subList(half, rows.size())));
    return all;
  }
}
