package org.pyramiddrop.bench.model;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.training.model.Optimizer;
import org.pyramiddrop.training.model.TrainedModel;
import org.pyramiddrop.training.model.TrainedSample;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** A model's training steps, one after the other: forward, backward, norm and AdamW. */
public final class TimedTraining {
  private final TrainedModel model;
  private final int imageToken;
  private final float learningRate;
  private final Optimizer optimizer;
  private int steps;
  private double loss;

  public TimedTraining(TrainedModel model, LlavaConfig config, double learningRate) {
    this.model = model;
    this.learningRate = (float) learningRate;
    imageToken = config.imageTokenId();
    optimizer =
        new Optimizer(
            model.device().gradients(),
            model.parameters(),
            Optimizer.Settings.withWeightDecay(0),
            1);
  }

  /** Computes gradients anew, and returns the mean loss of the answers' tokens. */
  public double gradients(List<TrainedSample> samples) {
    int tokens = samples.stream().mapToInt(TrainedSample::answerTokens).sum();
    optimizer.clearGradients();
    loss = model.lossAndGradient(samples, imageToken, 1f / tokens) / tokens;
    return loss;
  }

  /** Takes a step and returns the milliseconds until the device had done it. */
  public double millis(List<TrainedSample> samples) {
    return Stopwatch.time(() -> {
      gradients(samples);
      double norm = optimizer.gradientNorm();
      steps++;
      if (!Double.isFinite(loss + norm)) {
        throw new IllegalStateException(
            "step %d: the loss is %s, its gradient's norm %s".formatted(steps, loss, norm));
      }
      optimizer.step(steps, norm, _ -> learningRate);
      waitForDevice();
    });
  }

  private void waitForDevice() {
    Kernels kernels = model.device().kernels();
    try (Tensor one = kernels.allocate(1, 1)) {
      kernels.download(one);
    }
  }

  /** The loss before the last step. */
  public double loss() {
    return loss;
  }

  /**
   * The FLOPs of a step under a plan.
   *
   * @param weights whether the decoder's own matrices are trained
   */
  public static double flops(
      LlavaConfig config, List<TrainedSample> samples, PruningPlan plan, boolean weights) {
    ModelShape shape = ModelShape.of(config);
    FlopCounter counter = new FlopCounter(shape, plan.schedule(shape.layers()));
    double flops = 0;
    for (TrainedSample sample : samples) {
      List<Integer> text = new ArrayList<>(List.of(0));
      int asking = 0;
      for (int i = 0; i < sample.ids().length; i++) {
        if (sample.ids()[i] == config.imageTokenId()) {
          text.add(0);
        } else {
          text.set(text.size() - 1, text.getLast() + 1);
        }
        asking += i > 0 && sample.answer()[i] && !sample.answer()[i - 1] ? 1 : 0;
      }
      List<Integer> images = sample.layouts().stream().map(ImageLayout::tokens).toList();
      int crops = sample.layouts().stream().mapToInt(ImageLayout::crops).sum();
      PromptShape prompt = new PromptShape(text, images, crops);
      flops +=
          counter.trainingStep(prompt, sample.answerTokens(), asking, weights)
              + counter.vision(crops);
    }
    return flops;
  }
}
