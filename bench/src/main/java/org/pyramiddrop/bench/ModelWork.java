package org.pyramiddrop.bench;

import java.util.List;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * The work of parts of a decoder, taken from {@link FlopCounter} so that tables and product agree.
 */
final class ModelWork {
  private ModelWork() {}

  /** FLOPs of a decoder layer that no drop follows, on all tokens. */
  static double layer(ModelShape shape, PromptShape prompt) {
    return prefill(shape, 2, PruningPlan.none(), prompt)
        - prefill(shape, 1, PruningPlan.none(), prompt);
  }

  /** FLOPs of the layer that ends a stage and keeps half of each image's tokens. */
  static double layerBeforeDrop(ModelShape shape, PromptShape prompt) {
    PruningPlan halve = DecoderLayerBenchmark.HALVE;
    int kept = halve.schedule(2).counts(prompt.imageTokens())[1];
    PromptShape after = PromptShape.of(prompt.textTokens(), kept, 1, 0);
    return prefill(shape, 2, halve, prompt) - prefill(shape, 1, PruningPlan.none(), after);
  }

  /** FLOPs of a prompt's way through the decoder, the head included, the vision tower not. */
  static double prefill(ModelShape shape, int layers, PruningPlan plan, PromptShape prompt) {
    return new FlopCounter(with(shape, layers), plan.schedule(layers)).prefill(prompt);
  }

  /**
   * Bytes that one decode step reads: every weight once, and all keys and values, which are
   * float32.
   */
  static double decodeStepBytes(ModelShape shape, DType dtype, int cached) {
    Schedule schedule = PruningPlan.none().schedule(shape.layers());
    PromptShape nothing = new PromptShape(List.of(0), List.of(), 0);
    double attention = 4.0 * shape.layers() * shape.heads() * shape.headSize();
    double weights = (new FlopCounter(shape, schedule).decodeStep(nothing, 0) - attention) / 2;
    double keyValues = 2.0 * shape.layers() * (cached + 1) * shape.kvHeads() * shape.headSize();
    return weights * dtype.bytes() + keyValues * Float.BYTES;
  }

  static ModelShape with(ModelShape shape, int layers) {
    return new ModelShape(
        shape.hidden(),
        shape.intermediate(),
        layers,
        shape.heads(),
        shape.kvHeads(),
        shape.headSize(),
        shape.vocab(),
        shape.vision());
  }
}
