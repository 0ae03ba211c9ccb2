package org.pyramiddrop.bench.speed.pruning;

import java.util.List;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.Place;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The work of an answer under a plan, as {@link FlopCounter} counts it.
 *
 * @param paperMultiplyAdds the paper's count of the prefill: multiply-adds of image tokens only
 * @param visionFlops of all crops, a cut in the vision tower included
 * @param prefillFlops of cuts behind the projector and of the decoder, up to the first token's
 *     logits
 * @param deepFlops of the same prefill of a decoder of this width that has {@value #DEEP} layers:
 *     of few layers, drops make more of them cheap
 * @param answerFlops of vision, prefill and all decode steps
 * @param weightBytes of the decoder's matrices, which a prefill and each step read
 * @param stepBytes that a step reads, keys and values included, the mean over the steps
 * @param steps behind the first token
 */
public record AnswerWork(
    double paperMultiplyAdds,
    double visionFlops,
    double prefillFlops,
    double deepFlops,
    double answerFlops,
    double weightBytes,
    double stepBytes,
    int steps) {
  static final int DEEP = 32;

  /**
   * Counts.
   *
   * @param prompt as it enters the decoder under the plan
   * @param images its images before any cut
   * @param steps at least one
   */
  public static AnswerWork of(
      ModelShape model,
      PruningPlan plan,
      PromptShape prompt,
      List<ImageShape> images,
      int steps,
      DType dtype) {
    FlopCounter counter = new FlopCounter(model, plan.schedule(model.layers()));
    double vision = counter.vision(images, inTower(plan));
    double cuts = counter.vision(images, plan) - vision;
    double prefill = cuts + counter.prefill(prompt);
    double weights = ModelWork.weightBytes(model, dtype);
    // Both grow by the same from each step to the next.
    int last = steps - 1;
    double step = (counter.decodeStep(prompt, 0) + counter.decodeStep(prompt, last)) / 2;
    double keyValues =
        (ModelWork.keyValueBytes(model, plan, prompt, 0, dtype)
                + ModelWork.keyValueBytes(model, plan, prompt, last, dtype))
            / 2;
    return new AnswerWork(
        counter.paper(prompt.images()),
        vision,
        prefill,
        cuts + ModelWork.prefill(model, DEEP, plan, prompt),
        vision + prefill + steps * step,
        weights,
        weights + keyValues,
        steps);
  }

  private static PruningPlan inTower(PruningPlan plan) {
    return new PruningPlan(
        plan.cuts().stream().filter(cut -> cut.place() instanceof Place.Tower).toList(),
        plan.ranking(),
        plan.positions());
  }
}
