package org.pyramiddrop.bench.gpu;

import java.util.stream.IntStream;
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The work of an answer under a plan, by the product's own count, and so the least time it takes.
 *
 * @param visionFlops of all crops
 * @param prefillFlops of the decoder, up to the first token's logits
 * @param weightBytes of the decoder's matrices, which a prefill and each step read
 * @param stepBytes that a step reads, keys and values included, the mean over the steps
 * @param steps behind the first token
 */
record AnswerWork(
    double visionFlops, double prefillFlops, double weightBytes, double stepBytes, int steps) {

  /**
   * Counts.
   *
   * @param steps at least one
   * @param dtype of weights, keys and values
   */
  static AnswerWork of(
      ModelShape shape, PruningPlan plan, PromptShape prompt, int steps, DType dtype) {
    double weights = ModelWork.weightBytes(shape, dtype);
    double keyValues =
        IntStream.range(0, steps)
            .mapToDouble(before -> ModelWork.keyValueBytes(shape, plan, prompt, before, dtype))
            .average()
            .orElseThrow();
    return new AnswerWork(
        new FlopCounter(shape, plan.schedule(shape.layers())).vision(prompt.crops()),
        ModelWork.prefill(shape, shape.layers(), plan, prompt),
        weights,
        weights + keyValues,
        steps);
  }

  /** The least milliseconds of each part; the answer's is the sum of its parts. */
  Phases.Run floor(Ceilings ceilings) {
    double vision = ceilings.flopsMillis(visionFlops);
    double prefill =
        Math.max(ceilings.flopsMillis(prefillFlops), ceilings.bytesMillis(weightBytes));
    double step = ceilings.bytesMillis(stepBytes);
    return new Phases.Run(vision, prefill, step, vision + prefill + steps * step);
  }
}
