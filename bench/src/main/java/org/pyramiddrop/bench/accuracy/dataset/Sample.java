package org.pyramiddrop.bench.accuracy.dataset;

import java.nio.file.Path;
import java.util.List;

/**
 * One question about one image.
 *
 * @param id names it; no two samples of a dataset share one
 * @param image an existing file
 * @param question as the dataset has it, without {@link Dataset#suffix}
 * @param answers every accepted one, possibly with repeats (VQA asks ten people); at least one
 */
public record Sample(String id, Path image, String question, List<String> answers) {
  /** Refuses a sample without an answer. */
  public Sample {
    answers = List.copyOf(answers);
    if (answers.isEmpty()) {
      throw new IllegalArgumentException("question " + id + " has no accepted answer");
    }
  }
}
