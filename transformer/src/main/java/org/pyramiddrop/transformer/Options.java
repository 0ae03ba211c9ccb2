package org.pyramiddrop.transformer;

import java.io.Serializable;
import java.util.List;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * How a question is answered. Options, and all they are made of, can be serialised for tasks that
 * run elsewhere.
 *
 * @param pruning where image tokens are dropped
 * @param sampling how each token is chosen
 * @param maxTokens the most tokens an answer may have, at least 1
 * @param topLogits how many of the first step's highest logits come back with the answer
 * @param systemPrompt standing instructions, which the chat template puts before the user's first
 *     words; empty for none
 * @param stop texts that end an answer; its text ends before the first of them, as {@link
 *     Finish#STOP}
 * @param logProbabilities -1 for none; else the answer has the log-probability of each of its
 *     tokens, and beside it this many of the likeliest tokens' in its place
 */
public record Options(
    PruningPlan pruning,
    Sampling sampling,
    int maxTokens,
    int topLogits,
    String systemPrompt,
    List<String> stop,
    int logProbabilities)
    implements Serializable {

  /** What a system prompt and a stop text may have at most, in characters. */
  private static final int MOST_CHARACTERS = 1 << 20;

  /**
   * Refuses a maximum below 1, a negative number of logits, a number of log-probabilities below -1,
   * an empty stop text, and texts of more than 2^20 characters.
   */
  public Options {
    if (maxTokens < 1) {
      throw new IllegalArgumentException("max tokens must be at least 1, got " + maxTokens);
    }
    if (topLogits < 0) {
      throw new IllegalArgumentException("top logits must not be negative, got " + topLogits);
    }
    if (logProbabilities < -1) {
      throw new IllegalArgumentException(
          "log-probabilities must be -1 (none), 0 (the chosen token's) or more, got "
              + logProbabilities);
    }
    stop = List.copyOf(stop);
    refuseAboveMost("the system prompt", systemPrompt);
    for (String text : stop) {
      if (text.isEmpty()) {
        throw new IllegalArgumentException("a stop string must not be empty");
      }
      refuseAboveMost("a stop string", text);
    }
  }

  private static void refuseAboveMost(String what, String text) {
    if (text.length() > MOST_CHARACTERS) {
      throw new IllegalArgumentException(
          "%s has %d characters; it may have %d".formatted(what, text.length(), MOST_CHARACTERS));
    }
  }

  /** Options without a system prompt, stop texts and log-probabilities. */
  public Options(PruningPlan pruning, Sampling sampling, int maxTokens, int topLogits) {
    this(pruning, sampling, maxTokens, topLogits, "", List.of(), -1);
  }

  /** The paper's four stages that halve, greedy, at most 128 tokens, no logits. */
  public static Options defaults() {
    return new Options(PruningPlan.pyramid(4, 0.5), Sampling.greedy(), 128, 0);
  }

  /** These options under another plan. */
  public Options withPruning(PruningPlan plan) {
    return new Options(plan, sampling, maxTokens, topLogits, systemPrompt, stop, logProbabilities);
  }

  /** These options with tokens chosen another way. */
  public Options withSampling(Sampling newSampling) {
    return new Options(
        pruning, newSampling, maxTokens, topLogits, systemPrompt, stop, logProbabilities);
  }

  /** These options with another longest answer. */
  public Options withMaxTokens(int tokens) {
    return new Options(pruning, sampling, tokens, topLogits, systemPrompt, stop, logProbabilities);
  }

  /** These options with another number of logits to come back. */
  public Options withTopLogits(int count) {
    return new Options(pruning, sampling, maxTokens, count, systemPrompt, stop, logProbabilities);
  }

  /** These options with other standing instructions; empty for none. */
  public Options withSystemPrompt(String text) {
    return new Options(pruning, sampling, maxTokens, topLogits, text, stop, logProbabilities);
  }

  /** These options with other texts that end an answer. */
  public Options withStop(String... texts) {
    return withStop(List.of(texts));
  }

  /** These options with other texts that end an answer. */
  public Options withStop(List<String> texts) {
    return new Options(
        pruning, sampling, maxTokens, topLogits, systemPrompt, texts, logProbabilities);
  }

  /**
   * These options with log-probabilities to come back: -1 for none, 0 for each chosen token's, n
   * for those of the n likeliest beside it.
   */
  public Options withLogProbabilities(int likeliest) {
    return new Options(pruning, sampling, maxTokens, topLogits, systemPrompt, stop, likeliest);
  }
}
