package org.pyramiddrop.spark;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Finish;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.NanLogitsException;
import org.pyramiddrop.transformer.Request;

/**
 * What comes of a row: an answer, or why there is none.
 *
 * @param error one line; null if there is an answer
 */
record Outcome(@Nullable Answer answer, @Nullable String error) {
  /** The columns that answers add. */
  static final StructType COLUMNS =
      new StructType()
          .add("answer", DataTypes.StringType)
          .add("prompt_tokens", DataTypes.IntegerType)
          .add("image_tokens", DataTypes.IntegerType)
          .add("answer_tokens", DataTypes.IntegerType)
          .add("finish", DataTypes.StringType)
          .add("error", DataTypes.StringType);

  /** A row that got no answer, for a reason that is the row's own. */
  static Outcome failed(Throwable error) {
    return new Outcome(null, message(error));
  }

  /**
   * What comes of some requests that are answered together. One that can't be asked stops them all
   * before any work, and memory may not hold all of them at once: then fewer are tried together,
   * down to each alone.
   *
   * @throws RuntimeException if none of them is to blame
   */
  static List<Outcome> of(Llava model, List<Request> requests) {
    if (requests.isEmpty()) {
      return List.of();
    }
    try {
      return model.askAll(requests).stream().map(Outcome::of).toList();
    } catch (IllegalArgumentException | ImageException | NanLogitsException | OutOfMemoryError e) {
      if (requests.size() == 1) {
        return List.of(failed(e));
      }
    }
    int half = requests.size() / 2;
    List<Outcome> all = new ArrayList<>(of(model, requests.subList(0, half)));
    all.addAll(of(model, requests.subList(half, requests.size())));
    return all;
  }

  private static Outcome of(Answer answer) {
    if (answer.finish() == Finish.CANCELLED) {
      throw new CancellationException("the task was cancelled before its row was answered");
    }
    return new Outcome(answer, null);
  }

  private static String message(Throwable error) {
    if (error instanceof OutOfMemoryError) {
      return "not enough memory (%s); give executors more, or make pictures smaller"
          .formatted(error.getMessage());
    }
    String message = error.getMessage();
    return message == null ? error.toString() : String.join(" ", message.lines().toList());
  }

  /** The values of {@link #COLUMNS}. */
  @Nullable Object[] values() {
    return answer == null
        ? new @Nullable Object[] {null, null, null, null, null, error}
        : new @Nullable Object[] {
          answer.text(),
          answer.promptTokens(),
          answer.imageTokens(),
          answer.tokenIds().size(),
          answer.finish().name().toLowerCase(Locale.ROOT),
          null
        };
  }
}
