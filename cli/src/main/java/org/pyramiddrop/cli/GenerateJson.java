package org.pyramiddrop.cli;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.TokenLogit;
import org.pyramiddrop.transformer.TokenProbability;
import org.pyramiddrop.transformer.pruning.Flops;

/**
 * What {@code generate --format json} prints.
 *
 * @param finish {@code stop}, {@code length} or {@code cancelled}
 * @param cuts before the decoder, where the plan has any
 * @param logProbabilities of each token, where they were asked for
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record GenerateJson(
    String answer,
    String finish,
    List<Integer> tokenIds,
    int promptTokens,
    int imageTokens,
    @Nullable List<Cut> cuts,
    List<Stage> stages,
    List<TokenLogit> logits,
    @Nullable List<TokenProbability> logProbabilities,
    Flops flops,
    Millis millis,
    String backend,
    String dtype) {

  /**
   * A cut before the decoder.
   *
   * @param place {@code tower} or {@code projector}
   * @param kept indices of each image's tokens in the order in which they go on, one list an image
   * @param merged for each image, for each token that others were merged into, those others
   */
  record Cut(String place, List<List<Integer>> kept, List<List<List<Integer>>> merged) {}

  /**
   * A stage.
   *
   * @param kept indices of each image's tokens, one list an image
   */
  record Stage(int firstLayer, int imageTokens, List<List<Integer>> kept) {}

  /** Wall-clock times in milliseconds. */
  record Millis(double load, double vision, double prefill, double decode) {}

  /** An answer of a model. */
  static GenerateJson of(Answer answer, Llava llava) {
    return of(answer, llava.loadMillis(), llava.backend(), llava.dtype());
  }

  static GenerateJson of(Answer answer, double loadMillis, String backend, String dtype) {
    List<Stage> stages =
        answer.stages().stream()
            .map(s -> new Stage(s.firstLayer(), s.imageTokens(), s.kept()))
            .toList();
    List<Cut> cuts =
        answer.cuts().stream()
            .map(cut -> new Cut(cut.placeName(), cut.kept(), cut.merged()))
            .toList();
    return new GenerateJson(
        answer.text(),
        EnumOption.spelling(answer.finish()),
        answer.tokenIds(),
        answer.promptTokens(),
        answer.imageTokens(),
        cuts.isEmpty() ? null : cuts,
        stages,
        answer.logits(),
        answer.probabilities().isEmpty() ? null : answer.probabilities(),
        answer.flops(),
        new Millis(
            loadMillis,
            answer.timings().visionMillis(),
            answer.timings().prefillMillis(),
            answer.timings().decodeMillis()),
        backend,
        dtype);
  }
}
