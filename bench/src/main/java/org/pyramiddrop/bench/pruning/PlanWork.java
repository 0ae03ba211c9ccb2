package org.pyramiddrop.bench.pruning;

import java.util.stream.IntStream;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The arithmetic of an answer under a plan, as {@link FlopCounter} counts it; the vision tower is
 * left out.
 *
 * @param paper the paper's count of the prefill: multiply-adds of image tokens only
 * @param prefill FLOPs of the decoder up to the first token's logits
 * @param answer FLOPs of the prefill and of all decode steps
 * @param deep FLOPs of the same prefill of a decoder of this width that has {@value #DEEP} layers:
 *     of few layers, drops make more of them cheap
 */
record PlanWork(double paper, double prefill, double answer, double deep) {
  /** Layers of a 7B model. */
  static final int DEEP = 32;

  /**
   * Counts.
   *
   * @param newTokens tokens of the answer: the prefill gives the first, a step each of the others
   */
  static PlanWork of(ModelShape model, PruningPlan plan, PromptShape prompt, int newTokens) {
    FlopCounter counter = new FlopCounter(model, plan.schedule(model.layers()));
    double prefill = counter.prefill(prompt);
    double steps =
        IntStream.range(0, newTokens - 1)
            .mapToDouble(before -> counter.decodeStep(prompt, before))
            .sum();
    return new PlanWork(
        counter.paper(prompt.images()),
        prefill,
        prefill + steps,
        ModelWork.prefill(model, DEEP, plan, prompt));
  }
}
