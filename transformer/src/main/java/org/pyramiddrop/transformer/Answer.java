package org.pyramiddrop.transformer;

import java.util.List;
import org.pyramiddrop.transformer.pruning.Flops;

/**
 * A model's answer, with what it took.
 *
 * @param text the answer, without special tokens, up to the first stop string
 * @param tokenIds all generated tokens, those of a stop string and what came with it included; a
 *     stop token is not among them
 * @param finish why it ended
 * @param promptTokens tokens of the prompt, image tokens included, before any cut
 * @param imageTokens image tokens before any cut, all images together
 * @param stages the stages in order; the first holds every image token that enters the decoder
 * @param logits the highest logits of the first step, descending; as many as were asked for
 * @param flops what the prompt cost
 * @param timings where the time went
 * @param kvBytes bytes that were allocated for keys and values, all layers together
 * @param probabilities how likely each of {@code tokenIds} was; empty unless asked for
 * @param cuts the cuts before the decoder, in order
 */
public record Answer(
    String text,
    List<Integer> tokenIds,
    Finish finish,
    int promptTokens,
    int imageTokens,
    List<Stage> stages,
    List<TokenLogit> logits,
    Flops flops,
    Timings timings,
    long kvBytes,
    List<TokenProbability> probabilities,
    List<CutTokens> cuts) {
  private static final double MILLIS_PER_SECOND = 1e3;

  /** Keeps its own copies of the lists. */
  public Answer {
    tokenIds = List.copyOf(tokenIds);
    stages = List.copyOf(stages);
    logits = List.copyOf(logits);
    probabilities = List.copyOf(probabilities);
    cuts = List.copyOf(cuts);
  }

  /** An answer without probabilities, nothing cut before the decoder. */
  public Answer(
      String text,
      List<Integer> tokenIds,
      Finish finish,
      int promptTokens,
      int imageTokens,
      List<Stage> stages,
      List<TokenLogit> logits,
      Flops flops,
      Timings timings,
      long kvBytes) {
    this(
        text,
        tokenIds,
        finish,
        promptTokens,
        imageTokens,
        stages,
        logits,
        flops,
        timings,
        kvBytes,
        List.of(),
        List.of());
  }

  /**
   * Tokens behind the first one, by the time of all decode steps. A step that gave a stop token
   * counts with its time alone. 0 where no token came behind the first.
   */
  public double tokensPerSecond() {
    int further = tokenIds.size() - 1;
    double millis = timings.decodeMillis();
    return further < 1 || millis <= 0 ? 0 : further * MILLIS_PER_SECOND / millis;
  }
}
