package org.pyramiddrop.training;

import java.util.List;

/**
 * What a step came to.
 *
 * @param step from 1
 * @param loss mean cross entropy over all answer tokens of the step, before its update
 * @param gradientNorm of all that is trained, before clipping
 * @param learningRate of all but the vision tower
 * @param answerTokens that the loss is of
 * @param imageTokens of all images, before any cut
 * @param textTokens of all samples, answers included
 * @param stageImageTokens of all images, in each stage
 * @param seconds that it took
 */
public record StepResult(
    int step,
    double loss,
    double gradientNorm,
    double learningRate,
    int answerTokens,
    int imageTokens,
    int textTokens,
    List<Integer> stageImageTokens,
    double seconds) {
  /** Keeps its own copy of the list. */
  public StepResult {
    stageImageTokens = List.copyOf(stageImageTokens);
  }
}
