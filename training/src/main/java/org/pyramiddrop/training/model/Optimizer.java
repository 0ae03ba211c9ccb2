package org.pyramiddrop.training.model;

import java.util.List;
import org.pyramiddrop.kernels.GradientKernels;

/**
 * AdamW over a model's parameters, with one norm over all their gradients.
 *
 * @param settings its settings; the number of the step is given with each
 * @param clip the norm that gradients are scaled down to; infinity for never
 */
public record Optimizer(
    GradientKernels gradients, List<NamedParameter> parameters, Settings settings, double clip) {
  private static final double CLIP_EPSILON = 1e-6;

  /** Decays, as PyTorch names them. */
  public record Settings(float beta1, float beta2, float epsilon, float weightDecay) {
    /** PyTorch's defaults, with this weight decay. */
    public static Settings withWeightDecay(float weightDecay) {
      return new Settings(0.9f, 0.999f, 1e-8f, weightDecay);
    }
  }

  /** Keeps its own copy of the list. */
  public Optimizer {
    parameters = List.copyOf(parameters);
  }

  /** Makes all gradients zero. */
  public void clearGradients() {
    parameters.forEach(each -> gradients.clear(each.parameter().gradient()));
  }

  /** The Euclidean norm of all gradients together. */
  public double gradientNorm() {
    double squares = 0;
    for (NamedParameter each : parameters) {
      squares += gradients.squaredNorm(each.parameter().gradient());
    }
    return Math.sqrt(squares);
  }

  /** The learning rate of a part of the model. */
  @FunctionalInterface
  public interface LearningRate {
    /** That of the part's parameters in this step. */
    float of(ModelPart part);
  }

  /**
   * Changes the parameters by their gradients, scaled down to the norm that clips them: by min(1,
   * clip / (norm + 1e-6)), as PyTorch does.
   *
   * @param step from 1
   * @param norm as {@link #gradientNorm} gives it
   */
  public void step(int step, double norm, LearningRate learningRate) {
    float scale = (float) Math.min(1, clip / (norm + CLIP_EPSILON));
    GradientKernels.AdamW now =
        new GradientKernels.AdamW(
            settings.beta1, settings.beta2, settings.epsilon, settings.weightDecay, step);
    for (NamedParameter each : parameters) {
      gradients.adamW(each.parameter(), now, learningRate.of(each.part()), scale);
    }
  }
}
