package org.pyramiddrop.transformer;

import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * How a question is answered.
 *
 * @param pruning where image tokens are dropped
 * @param sampling how each token is chosen
 * @param maxTokens the most tokens an answer may have, at least 1
 * @param topLogits how many of the first step's highest logits come back with the answer
 */
public record Options(PruningPlan pruning, Sampling sampling, int maxTokens, int topLogits) {

  /** Refuses a maximum below 1 and a negative number of logits. */
  public Options {
    if (maxTokens < 1) {
      throw new IllegalArgumentException("max tokens must be at least 1, got " + maxTokens);
    }
    if (topLogits < 0) {
      throw new IllegalArgumentException("top logits must not be negative, got " + topLogits);
    }
  }

  /** The paper's four stages that halve, greedy, at most 128 tokens, no logits. */
  public static Options defaults() {
    return new Options(PruningPlan.pyramid(4, 0.5), Sampling.greedy(), 128, 0);
  }

  /** These options under another plan. */
  public Options withPruning(PruningPlan plan) {
    return new Options(plan, sampling, maxTokens, topLogits);
  }

  /** These options with tokens chosen another way. */
  public Options withSampling(Sampling newSampling) {
    return new Options(pruning, newSampling, maxTokens, topLogits);
  }

  /** These options with another longest answer. */
  public Options withMaxTokens(int tokens) {
    return new Options(pruning, sampling, tokens, topLogits);
  }

  /** These options with another number of logits to come back. */
  public Options withTopLogits(int count) {
    return new Options(pruning, sampling, maxTokens, count);
  }
}
