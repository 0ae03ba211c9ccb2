package org.pyramiddrop.bench.speed.gpu;

import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.model.TowerInput;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.speed.pruning.Phases;
import org.pyramiddrop.bench.speed.pruning.PlanTimer;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What a model is asked on a GPU, and how often.
 *
 * @param textTokens beside the image's; half of them before it
 * @param newTokens of each answer, at least two
 */
record GpuPrompt(ModelOnDevice model, TowerInput image, int textTokens, int newTokens, int runs) {
  private static final long SEED = 11;

  /**
   * Draws an image.
   *
   * @throws IllegalArgumentException if the model has too few positions
   */
  static GpuPrompt of(
      ModelOnDevice model, Resolution size, int textTokens, int newTokens, int runs) {
    TowerInput image = TowerInput.random(model.config(), size, SEED);
    OptionValues.fits(
        image.layout().tokens(), textTokens, newTokens, model.config().text().maxPositions());
    return new GpuPrompt(model, image, textTokens, newTokens, runs);
  }

  RepeatedAnswer answer(PruningPlan plan) {
    return model.answer(
        ModelOnDevice.randomIds(model.config(), textTokens, SEED), image, plan, newTokens - 1);
  }

  Phases<Double> time(RepeatedAnswer answer) {
    return PlanTimer.timeFromPixels(answer, newTokens - 1);
  }
}
