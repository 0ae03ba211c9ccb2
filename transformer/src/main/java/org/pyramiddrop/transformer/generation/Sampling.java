package org.pyramiddrop.transformer.generation;

import java.io.Serializable;

/**
 * How the next token is chosen from its logits.
 *
 * @param temperature what logits are divided by before the softmax; 0 takes the highest logit
 * @param topP tokens are drawn from the smallest set of likeliest ones whose probabilities reach
 *     this sum, in (0, 1]
 * @param topK tokens are drawn from this many of the highest logits, before {@code topP} is looked
 *     at; 0 for all of them
 * @param repetitionPenalty what the logit of a token that stands in the prompt or in the answer so
 *     far is divided by if positive, multiplied by if negative, at any temperature; 1 for none. The
 *     tokens that stand for an image count as none of the prompt's
 * @param seed where the random numbers start; equal seeds give equal answers
 */
public record Sampling(
    double temperature, double topP, int topK, double repetitionPenalty, long seed)
    implements Serializable {

  /**
   * Refuses a temperature that is negative or not finite, a topP outside (0, 1], a negative topK,
   * and a repetition penalty that is no positive number.
   */
  public Sampling {
    if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "temperature must be 0 or a positive number, got " + temperature);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("top-p " + topP + " is outside (0, 1]");
    }
    if (topK < 0) {
      throw new IllegalArgumentException("top-k must be 0 (all tokens) or more, got " + topK);
    }
    // As the device sees it.
    float penalty = (float) repetitionPenalty;
    if (!(penalty > 0 && penalty < Float.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "repetition penalty must be a positive number, 1 for none, got " + repetitionPenalty);
    }
  }

  /** Always the token with the highest logit. */
  public static Sampling greedy() {
    return new Sampling(0, 1, 0, 1, 0);
  }

  /** Draws at a temperature from the likeliest tokens. */
  public static Sampling of(double temperature, double topP, long seed) {
    return new Sampling(temperature, topP, 0, 1, seed);
  }

  /** Draws from this many of the highest logits; 0 for all. */
  public Sampling withTopK(int count) {
    return new Sampling(temperature, topP, count, repetitionPenalty, seed);
  }

  /** Makes tokens of the prompt and of the answer so far less likely; 1 for no change. */
  public Sampling withRepetitionPenalty(double penalty) {
    return new Sampling(temperature, topP, topK, penalty, seed);
  }

  /** Whether no random number is needed. */
  public boolean isGreedy() {
    return temperature == 0;
  }
}
