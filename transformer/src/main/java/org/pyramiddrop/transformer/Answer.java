package org.pyramiddrop.transformer;

import java.util.List;
import org.pyramiddrop.transformer.pruning.Flops;

/**
 * A model's answer, with what it took.
 *
 * @param text the answer, without special tokens
 * @param tokenIds the generated tokens; a stop token is not among them
 * @param finish why it ended
 * @param promptTokens tokens of the prompt, image tokens included, before any drop
 * @param imageTokens image tokens before any drop, all images together
 * @param stages the stages in order; the first holds every image token
 * @param logits the highest logits of the first step, descending; as many as were asked for
 * @param flops what the prompt cost
 * @param timings where the time went
 * @param kvBytes bytes that were allocated for keys and values, all layers together
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
    long kvBytes) {

  /** Keeps its own copies of the lists. */
  public Answer {
    tokenIds = List.copyOf(tokenIds);
    stages = List.copyOf(stages);
    logits = List.copyOf(logits);
  }
}
