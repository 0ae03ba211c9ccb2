package org.pyramiddrop.spark;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CancellationException;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Request;

/** Answers a partition's rows in their order, several at a time. */
final class PartitionAnswers implements MapPartitionsFunction<Row, Row> {
  private static final long serialVersionUID = 1L;

  /** A batch ends with the picture that reaches this: 128 MiB of pixels. */
  private static final long MOST_PIXELS = 1L << 25;

  private final RowQuestions questions;

  PartitionAnswers(RowQuestions questions) {
    this.questions = questions;
  }

  @Override
  public Iterator<Row> call(Iterator<Row> rows) {
    if (!rows.hasNext()) {
      return Collections.emptyIterator();
    }
    TaskContext task = TaskContext.get();
    Llava model = OpenModels.forTask(questions.asked().model(), task);
    return new AnsweredRows(rows, model, task);
  }

  /** The rows with their answers, each batch asked when its first row is wanted. */
  private final class AnsweredRows implements Iterator<Row> {
    private final Iterator<Row> rows;
    private final Llava model;
    private final TaskContext task;
    private final Deque<Row> answered = new ArrayDeque<>();

    AnsweredRows(Iterator<Row> rows, Llava model, TaskContext task) {
      this.rows = rows;
      this.model = model;
      this.task = task;
    }

    @Override
    public boolean hasNext() {
      return !answered.isEmpty() || rows.hasNext();
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      if (answered.isEmpty()) {
        answerBatch();
      }
      return answered.remove();
    }

    private void answerBatch() {
      if (task.isInterrupted()) {
        throw new CancellationException("the task was cancelled");
      }
      List<RowQuestions.Asked> batch = new ArrayList<>();
      long pixels = 0;
      while (batch.size() < questions.asked().batchSize()
          && pixels < MOST_PIXELS
          && rows.hasNext()) {
        RowQuestions.Asked row = questions.read(rows.next());
        batch.add(row);
        pixels += row.pixels();
      }
      List<Request> requests = new ArrayList<>();
      for (RowQuestions.Asked row : batch) {
        if (row.request() != null) {
          requests.add(row.request());
        }
      }
      Iterator<Outcome> outcomes = Outcome.of(model, requests).iterator();
      for (RowQuestions.Asked row : batch) {
        Outcome outcome = row.refused() == null ? outcomes.next() : row.refused();
        answered.add(joined(row.row(), outcome.values()));
      }
    }
  }

  private static Row joined(Row row, @Nullable Object[] added) {
    @Nullable Object[] values = new @Nullable Object[row.length() + added.length];
    for (int i = 0; i < row.length(); i++) {
      values[i] = row.get(i);
    }
    System.arraycopy(added, 0, values, row.length(), added.length);
    return RowFactory.create(values);
  }
}
