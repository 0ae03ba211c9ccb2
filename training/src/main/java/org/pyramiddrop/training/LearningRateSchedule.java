package org.pyramiddrop.training;

/**
 * How the learning rate changes over a run, as transformers' schedules of the same names do: during
 * the warm-up it rises in a line from 0; behind it, it stays, or falls along half a cosine to 0.
 *
 * @param shape what it does behind the warm-up
 * @param warmUpSteps steps of the warm-up
 * @param steps of the whole run
 */
public record LearningRateSchedule(Shape shape, int warmUpSteps, int steps) {
  /** What the learning rate does behind the warm-up. */
  public enum Shape {
    /** It stays. */
    CONSTANT,
    /** It falls along half a cosine. */
    COSINE
  }

  /**
   * The schedule of a run.
   *
   * @param warmUp share of the steps that the warm-up takes, in [0, 1]; rounded up to whole steps
   */
  public static LearningRateSchedule of(Shape shape, double warmUp, int steps) {
    return new LearningRateSchedule(shape, (int) Math.ceil(warmUp * steps), steps);
  }

  /**
   * What the learning rate is multiplied by.
   *
   * @param step from 1
   */
  public double factor(int step) {
    int before = step - 1;
    if (before < warmUpSteps) {
      return (double) before / warmUpSteps;
    }
    return switch (shape) {
      case CONSTANT -> 1;
      case COSINE -> {
        double done = (double) (before - warmUpSteps) / Math.max(1, steps - warmUpSteps);
        yield Math.max(0, 0.5 * (1 + Math.cos(Math.PI * done)));
      }
    };
  }
}
