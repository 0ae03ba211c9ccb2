package org.pyramiddrop.training.model;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.transformer.engine.KeptRows;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * One conversation on its way through the decoder: its tokens, those it is to learn, and which rows
 * stay at each drop.
 */
final class TrainedSequence implements AutoCloseable {
  private final Prompt prompt;
  private final Schedule schedule;
  private final KeptRows kept;
  private final int[] labels;
  private final int[][] queryRows;
  private final Indices ids;
  private final Indices predicting;
  private final List<Indices> queries = new ArrayList<>();
  private final Resources owned = new Resources();

  /**
   * Lays the conversation out.
   *
   * @param ids the image token once for each image
   * @param answer whether each of them is one of an answer's tokens
   * @param imageToken the image token's id
   * @param layouts which tokens each image becomes, in order
   * @throws IllegalArgumentException if there is no answer, or one follows an image directly
   */
  TrainedSequence(
      Kernels kernels,
      Schedule schedule,
      int[] ids,
      boolean[] answer,
      int imageToken,
      List<ImageLayout> layouts) {
    this.schedule = schedule;
    prompt = Prompt.of(ids, imageToken, layouts);
    IntStream.Builder rows = IntStream.builder();
    IntStream.Builder next = IntStream.builder();
    IntStream.Builder asking = IntStream.builder();
    int row = -1;
    int image = 0;
    for (int i = 0; i < ids.length; i++) {
      if (answer[i]) {
        if (row < 0 || ids[i - 1] == imageToken) {
          throw new IllegalArgumentException("an answer has no word right before it to predict it");
        }
        rows.add(row);
        next.add(ids[i]);
        if (!answer[i - 1]) {
          asking.add(row);
        }
      }
      row += ids[i] == imageToken ? layouts.get(image++).tokens() : 1;
    }
    labels = next.build().toArray();
    if (labels.length == 0) {
      throw new IllegalArgumentException("there is no answer to learn");
    }
    int last = schedule.stages() - 1;
    int[] asks = asking.build().toArray();
    queryRows = new int[schedule.stages()][];
    for (int stage = 0; stage <= last; stage++) {
      int at = stage;
      queryRows[stage] = IntStream.of(asks).map(r -> rowIn(at, r)).toArray();
    }
    try {
      kept = owned.add(new KeptRows(kernels, schedule, prompt));
      this.ids = owned.add(kernels.indices(prompt.ids()));
      predicting = owned.add(kernels.indices(rows.build().map(r -> rowIn(last, r)).toArray()));
      for (int[] each : queryRows) {
        queries.add(owned.add(kernels.indices(each)));
      }
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /** Where a row of text lies in a stage. */
  private int rowIn(int stage, int row) {
    int gone = 0;
    for (Prompt.Span image : prompt.images()) {
      if (image.start() < row) {
        gone += image.count() - schedule.counts(image.count())[stage];
      }
    }
    return row - gone;
  }

  Prompt prompt() {
    return prompt;
  }

  /** All token ids, the image token as often as an image has tokens. */
  Indices ids() {
    return ids;
  }

  KeptRows kept() {
    return kept;
  }

  /** Rows of a stage. */
  int length(int stage) {
    return kept.length(stage);
  }

  /** Rows of the last stage whose next token belongs to an answer. */
  Indices predicting() {
    return predicting;
  }

  /** The token behind each of the rows that predict one. */
  int[] labels() {
    return labels.clone();
  }

  /** Rows of a stage right before an answer begins, whose queries rank. */
  Indices queries(int stage) {
    return queries.get(stage);
  }

  /** The same as numbers. */
  int[] queryRows(int stage) {
    return queryRows[stage].clone();
  }

  @Override
  public void close() {
    owned.close();
  }
}
