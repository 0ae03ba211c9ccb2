package org.pyramiddrop.spark;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.Row;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageException;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.Request;
import org.pyramiddrop.transformer.generation.Sampling;

/**
 * What the rows of a DataFrame ask, its columns looked up.
 *
 * @param asked what the user wants to be asked
 * @param pictures where pictures are
 * @param question the place of the question's column; -1 for one question for all
 * @param seed the place of the seed's column; -1 for the options' seed
 */
record RowQuestions(ImageQuestions asked, PictureColumn pictures, int question, int seed)
    implements Serializable {

  /** A row, and what it asks, or why it can't be asked. */
  record Asked(Row row, @Nullable Request request, @Nullable Outcome refused) {
    /** What its pictures have of memory, in pixels. */
    long pixels() {
      return request == null
          ? 0
          : request.question().images().stream()
              .mapToLong(image -> (long) image.width() * image.height())
              .sum();
    }
  }

  /** Reads a row. */
  Asked read(Row row) {
    try {
      return new Asked(row, request(row), null);
    } catch (ImageException | IllegalArgumentException e) {
      return new Asked(row, null, Outcome.failed(e));
    }
  }

  private Request request(Row row) {
    String words = asked.question();
    if (question >= 0) {
      refuseNull(row, question, asked.questionColumn());
      words = row.getString(question);
    }
    Options options = asked.options();
    if (seed >= 0) {
      refuseNull(row, seed, asked.seedColumn());
      options =
          options.withSampling(seeded(options.sampling(), ((Number) row.get(seed)).longValue()));
    }
    Image picture = pictures.read(row, asked.limits());
    return new Request(new Question(words, List.of(picture), asked.raw()), options);
  }

  private static void refuseNull(Row row, int column, @Nullable String name) {
    if (row.isNullAt(column)) {
      throw new IllegalArgumentException(name + ": is null");
    }
  }

  private static Sampling seeded(Sampling sampling, long seed) {
    return new Sampling(
        sampling.temperature(),
        sampling.topP(),
        sampling.topK(),
        sampling.repetitionPenalty(),
        seed);
  }
}
