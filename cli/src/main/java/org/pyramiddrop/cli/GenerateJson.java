package org.pyramiddrop.cli;

import java.util.List;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.TokenLogit;
import org.pyramiddrop.transformer.pruning.Flops;

/** What {@code generate --format json} prints. */
record GenerateJson(
    String answer,
    List<Integer> tokenIds,
    int promptTokens,
    int imageTokens,
    List<Stage> stages,
    List<TokenLogit> logits,
    Flops flops,
    Millis millis,
    String backend,
    String dtype) {

  /**
   * A stage.
   *
   * @param kept indices of the image's tokens; with several images, one list of them an image
   */
  record Stage(int firstLayer, int imageTokens, List<?> kept) {}

  /** Wall-clock times in milliseconds. */
  record Millis(double load, double vision, double prefill, double decode) {}

  /** An answer of a model. */
  static GenerateJson of(Answer answer, Llava llava) {
    return of(answer, llava.loadMillis(), llava.backend(), llava.dtype());
  }

  static GenerateJson of(Answer answer, double loadMillis, String backend, String dtype) {
    List<Stage> stages =
        answer.stages().stream()
            .map(s -> new Stage(s.firstLayer(), s.imageTokens(), flatIfOne(s.kept())))
            .toList();
    return new GenerateJson(
        answer.text(),
        answer.tokenIds(),
        answer.promptTokens(),
        answer.imageTokens(),
        stages,
        answer.logits(),
        answer.flops(),
        new Millis(
            loadMillis,
            answer.timings().visionMillis(),
            answer.timings().prefillMillis(),
            answer.timings().decodeMillis()),
        backend,
        dtype);
  }

  private static List<?> flatIfOne(List<List<Integer>> kept) {
    return kept.size() == 1 ? kept.getFirst() : kept;
  }
}
