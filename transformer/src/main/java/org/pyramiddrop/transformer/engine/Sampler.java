package org.pyramiddrop.transformer.engine;

import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.pyramiddrop.transformer.generation.Sampling;

/**
 * The controls by which a device chooses one answer's tokens; it holds the state of the answer's
 * random numbers.
 */
public final class Sampler {
  private final Sampling sampling;
  private final RandomGenerator random;

  /** Starts at the sampling's seed. */
  public Sampler(Sampling sampling) {
    this.sampling = sampling;
    this.random = RandomGeneratorFactory.of("L64X128MixRandom").create(sampling.seed());
  }

  /** Whether each token needs controls of its own. */
  public boolean draws() {
    return !sampling.isGreedy();
  }

  /** Whether it matters which tokens were seen before. */
  public boolean penalises() {
    return (float) sampling.repetitionPenalty() != 1;
  }

  /**
   * The next token's five controls, as {@link org.pyramiddrop.kernels.Kernels#sample} takes them,
   * with a random number in [0, 1).
   */
  public float[] next() {
    float uniform = draws() ? random.nextFloat() : 0;
    return new float[] {
      (float) sampling.temperature(),
      (float) sampling.topP(),
      uniform,
      sampling.topK(),
      (float) sampling.repetitionPenalty()
    };
  }
}
