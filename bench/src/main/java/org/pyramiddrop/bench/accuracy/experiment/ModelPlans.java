package org.pyramiddrop.bench.accuracy.experiment;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** Plans for one model. */
record ModelPlans(ModelShape shape, int imageTokens) {
  /** Layers of the decoder that the paper's layer numbers belong to. */
  private static final int PAPER_LAYERS = 32;

  private static final int STAGES = 4;

  /** Of plans that choose by chance. */
  private static final int SEEDS = 3;

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
    int entering = plan.entering(image());
    List<Integer> kept = IntStream.of(schedule.counts(entering)).boxed().toList();
    double meanTokens =
        IntStream.range(0, shape.layers())
            .map(layer -> kept.get(schedule.stageOf(layer)))
            .average()
            .orElseThrow();
    double multiplyAdds = new FlopCounter(shape, schedule).paper(List.of(entering));
    return new Variant(name, plan, firstLayers, kept, meanTokens, multiplyAdds);
  }

  private ImageShape image() {
    int patches = Math.min(imageTokens, shape.vision().patches());
    return new ImageShape(List.of(patches), imageTokens - patches);
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
   * Plans of one kind, from the one that costs least to the one that costs most.
   *
   * @param numbered a plan by its number
   */
  record Family(String name, int first, int last, IntFunction<PruningPlan> numbered) {}

  /** FastV by the tokens it keeps. */
  Family fastV(int layer) {
    return new Family("FastV K=" + layer, 0, imageTokens, keep -> fastV(layer, keep).plan());
  }

  /** PyramidDrop with one of some λ. */
  Family pyramids(List<Double> lambdas) {
    List<Double> ascending = lambdas.stream().sorted().toList();
    return new Family(
        "PyramidDrop",
        0,
        ascending.size() - 1,
        number -> PruningPlan.pyramid(STAGES, ascending.get(number)));
  }

  /**
   * What cuts before the decoder, alone and followed by PyramidDrop, and chance, by three seeds:
   * the control of all.
   */
  List<Family> beforeDecoder() {
    List<Family> families = new ArrayList<>();
    families.add(cut("VisionZip", ModelPlans::visionZip));
    families.add(
        cut(
            "VisionZip + PyramidDrop λ=0.5",
            keep -> visionZip(keep).then(PruningPlan.pyramid(STAGES, 0.5))));
    families.add(cut("DivPrune", PruningPlan::divPrune));
    families.add(cut("CDPruner", PruningPlan::cdPruner));
    for (int seed = 1; seed <= SEEDS; seed++) {
      long own = seed;
      families.add(cut("random %d".formatted(seed), keep -> PruningPlan.random(keep, own)));
    }
    return families;
  }

  private Family cut(String name, IntFunction<PruningPlan> keeping) {
    return new Family(name, 1, imageTokens, keeping);
  }

  /** As many dominant tokens to contextual ones as the paper has: 54 to 10. */
  private static PruningPlan visionZip(int tokens) {
    int contextual = Math.round(tokens * 10 / 64f);
    return PruningPlan.visionZip(tokens - contextual, contextual);
  }

  /**
   * The plan of a family that comes nearest to a budget; of two, the cheaper.
   *
   * @param cost what the budget is of
   * @return empty if even the cheapest costs more, or even the dearest less
   */
  Optional<Variant> nearest(Family family, double budget, ToDoubleFunction<Variant> cost) {
    List<Variant> all =
        IntStream.rangeClosed(family.first, family.last)
            .mapToObj(number -> variant(family.name, family.numbered.apply(number)))
            .toList();
    return cost.applyAsDouble(all.getFirst()) > budget || cost.applyAsDouble(all.getLast()) < budget
        ? Optional.empty()
        : all.stream()
            .min(
                Comparator.comparingDouble(
                    variant -> Math.abs(cost.applyAsDouble(variant) - budget)));
  }
}
