package org.pyramiddrop.bench.accuracy.experiment;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** Plans for one model. */
record ModelPlans(ModelShape shape, int imageTokens) {
  /** Layers of the decoder that the paper's layer numbers belong to. */
  private static final int PAPER_LAYERS = 32;

  private static final int STAGES = 4;

  /** A model whose images are one crop. */
  static ModelPlans of(ModelShape shape) {
    return new ModelPlans(shape, shape.vision().tokens());
  }

  /**
   * Scales one of the paper's layer numbers to this model's depth: max(1, round(layer · J / 32))
   * for J layers.
   */
  int scaled(int layer) {
    return Math.max(1, Math.round((float) layer * shape.layers() / PAPER_LAYERS));
  }

  Variant variant(String name, PruningPlan plan) {
    Schedule schedule = plan.schedule(shape.layers());
    List<Integer> firstLayers =
        IntStream.range(0, schedule.stages()).mapToObj(schedule::firstLayer).toList();
    List<Integer> kept = IntStream.of(schedule.counts(imageTokens)).boxed().toList();
    double multiplyAdds = new FlopCounter(shape, schedule).paper(List.of(imageTokens));
    return new Variant(name, plan, firstLayers, kept, multiplyAdds);
  }

  Variant vanilla() {
    return variant("vanilla", PruningPlan.none());
  }

  Variant pyramid(double lambda) {
    return variant("PyramidDrop λ=" + lambda, PruningPlan.pyramid(STAGES, lambda));
  }

  /**
   * FastV that keeps a number of tokens.
   *
   * @param layer how many layers run before the drop
   */
  Variant fastV(int layer, int keep) {
    double ratio = 1 - (double) keep / imageTokens;
    return variant("FastV K=%d".formatted(layer), PruningPlan.fastV(layer, ratio));
  }

  Variant halvingFastV(int layer) {
    return variant("FastV K=%d R=0.5".formatted(layer), PruningPlan.fastV(layer, 0.5));
  }

  /**
   * How many tokens FastV keeps to come nearest to a budget; of two, the fewer.
   *
   * @param layer how many layers run before the drop
   * @param multiplyAdds the budget, by the paper's count
   * @return empty if the layers before the drop alone cost more
   */
  Optional<Integer> keepNearest(int layer, double multiplyAdds) {
    if (fastV(layer, 0).multiplyAdds() > multiplyAdds) {
      return Optional.empty();
    }
    return IntStream.rangeClosed(0, imageTokens)
        .boxed()
        .min(
            Comparator.comparingDouble(
                keep -> Math.abs(fastV(layer, keep).multiplyAdds() - multiplyAdds)));
  }
}
