package org.pyramiddrop.transformer.generation;

import java.util.Comparator;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import java.util.stream.IntStream;

/**
 * Chooses tokens from their logits; one for each answer, as it holds the state of its random
 * numbers.
 */
public final class Sampler {
  private final Sampling sampling;
  private final RandomGenerator random;

  /** Starts at the sampling's seed. */
  public Sampler(Sampling sampling) {
    this.sampling = sampling;
    this.random = RandomGeneratorFactory.of("L64X128MixRandom").create(sampling.seed());
  }

  /**
   * The next token: the highest logit, the lowest id among equals, or one drawn as the sampling
   * says.
   *
   * @throws IllegalStateException if a logit is NaN, which a broken checkpoint leads to
   */
  public int next(float[] logits) {
    int highest = 0;
    for (int i = 0; i < logits.length; i++) {
      if (Float.isNaN(logits[i])) {
        throw new IllegalStateException(
            "the model's output is not a number; its weights are damaged or overflow");
      }
      if (logits[i] > logits[highest]) {
        highest = i;
      }
    }
    return sampling.isGreedy() ? highest : draw(logits, logits[highest]);
  }

  private int draw(float[] logits, float highest) {
    double[] weights = new double[logits.length];
    double total = 0;
    for (int i = 0; i < logits.length; i++) {
      weights[i] = Math.exp((logits[i] - highest) / sampling.temperature());
      total += weights[i];
    }
    int[] likeliest =
        IntStream.range(0, logits.length)
            .boxed()
            .sorted(Comparator.comparingDouble(i -> -weights[i]))
            .mapToInt(Integer::intValue)
            .toArray();
    double wanted = sampling.topP() * total;
    double reached = 0;
    int count = 0;
    while (count < likeliest.length && (count == 0 || reached < wanted)) {
      reached += weights[likeliest[count++]];
    }
    double at = random.nextDouble() * reached;
    for (int i = 0; i < count - 1; i++) {
      at -= weights[likeliest[i]];
      if (at < 0) {
        return likeliest[i];
      }
    }
    return likeliest[count - 1];
  }
}
