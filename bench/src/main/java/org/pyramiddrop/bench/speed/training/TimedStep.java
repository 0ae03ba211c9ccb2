package org.pyramiddrop.bench.speed.training;

import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.training.model.Optimizer;
import org.pyramiddrop.training.model.TrainedModel;

/** A training step that is taken again and again: forward, backward, norm and AdamW. */
final class TimedStep {
  /** So small that every step finds the same model. */
  private static final float LEARNING_RATE = 1e-9f;

  private final TrainedModel model;
  private final RandomSamples samples;
  private final int imageToken;
  private final Optimizer optimizer;
  private int step;

  TimedStep(TrainedModel model, RandomSamples samples, LlavaConfig config) {
    this.model = model;
    this.samples = samples;
    imageToken = config.imageTokenId();
    optimizer =
        new Optimizer(
            model.device().gradients(),
            model.parameters(),
            Optimizer.Settings.withWeightDecay(0),
            1);
  }

  /** The mean loss of the answers' tokens. */
  double loss() {
    int tokens = samples.answerTokens();
    optimizer.clearGradients();
    return model.lossAndGradient(samples.samples(), imageToken, 1f / tokens) / tokens;
  }

  /** Takes a step and returns the milliseconds that it took, the norm's reading back included. */
  double millis() {
    return Stopwatch.time(() -> {
      double loss = loss();
      double norm = optimizer.gradientNorm();
      if (!Double.isFinite(loss + norm)) {
        throw new IllegalStateException(
            "the loss is %s, its gradient's norm %s".formatted(loss, norm));
      }
      step++;
      optimizer.step(step, norm, _ -> LEARNING_RATE);
      waitForDevice();
    });
  }

  private void waitForDevice() {
    Kernels kernels = model.device().kernels();
    try (Tensor one = kernels.allocate(1, 1)) {
      kernels.download(one);
    }
  }
}
