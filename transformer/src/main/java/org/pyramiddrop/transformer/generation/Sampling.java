package org.pyramiddrop.transformer.generation;

/**
 * How the next token is chosen from its logits.
 *
 * @param temperature what logits are divided by before the softmax; 0 takes the highest logit
 * @param topP tokens are drawn from the smallest set of likeliest ones whose probabilities reach
 *     this sum, in (0, 1]
 * @param seed where the random numbers start; equal seeds give equal answers
 */
public record Sampling(double temperature, double topP, long seed) {

  /** Refuses a temperature that is negative or not finite, and a topP outside (0, 1]. */
  public Sampling {
    if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "temperature must be 0 or a positive number, got " + temperature);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("top-p " + topP + " is outside (0, 1]");
    }
  }

  /** Always the token with the highest logit. */
  public static Sampling greedy() {
    return new Sampling(0, 1, 0);
  }

  /** Draws at a temperature from the likeliest tokens. */
  public static Sampling of(double temperature, double topP, long seed) {
    return new Sampling(temperature, topP, seed);
  }

  /** Whether no random number is needed. */
  public boolean isGreedy() {
    return temperature == 0;
  }
}
