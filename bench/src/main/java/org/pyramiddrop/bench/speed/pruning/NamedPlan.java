package org.pyramiddrop.bench.speed.pruning;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Supplier;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A plan and what tables call it.
 *
 * @param label what a chart calls it
 */
public record NamedPlan(String name, String label, PruningPlan plan) {
  /** Of how many patches one stays where plans are compared: 64 of 576, as papers have it. */
  private static final int SHARE = 9;

  /** The share of them that VisionZip merges others into: 10 of 64. */
  private static final double MERGED = 10 / 64.0;

  /** Every {@link PruningChoice}, no drops first. */
  public static List<NamedPlan> choices() {
    return Arrays.stream(PruningChoice.values())
        .map(choice -> new NamedPlan(choice.label(), choice.label(), choice.plan()))
        .toList();
  }

  /** The paper's (tables 4 and 5): no drops first, then FastV, then PyramidDrop by lambda. */
  public static List<NamedPlan> compared() {
    return List.of(
        new NamedPlan("no drops", "no drops", PruningChoice.NONE.plan()),
        new NamedPlan("FastV K=2 R=0.5", "FastV", PruningChoice.FASTV.plan()),
        pyramid(0.4),
        pyramid(0.5),
        pyramid(0.6));
  }

  /**
   * {@link #compared()}; behind them cuts before the decoder, and chance, that keep a ninth of an
   * image's patches. Where PyramidDrop follows, as many are the mean over its stages.
   */
  public static List<NamedPlan> before(ImageShape image) {
    List<NamedPlan> plans = new ArrayList<>(compared());
    int crop = image.patches().getFirst();
    int whole = Math.max(1, image.tokens() / SHARE);
    plans.add(visionZip(Math.max(2, crop / SHARE)));
    // Stages of 1, 1/2, 1/4 and 1/8 of what enters.
    NamedPlan first = visionZip(Math.max(2, (int) Math.round(crop / SHARE * 4 / 1.875)));
    plans.add(
        new NamedPlan(
            first.name + ", PyramidDrop λ=0.5",
            first.label + ", λ=0.5",
            first.plan.then(PruningChoice.PYRAMID.plan())));
    plans.add(new NamedPlan("DivPrune " + whole, "DivPrune", PruningPlan.divPrune(whole)));
    plans.add(new NamedPlan("CDPruner " + whole, "CDPruner", PruningPlan.cdPruner(whole)));
    plans.add(new NamedPlan("random " + whole, "random", PruningPlan.random(whole, 1)));
    return plans;
  }

  private static NamedPlan visionZip(int tokens) {
    int contextual = (int) Math.round(tokens * MERGED);
    return new NamedPlan(
        "VisionZip %d+%d".formatted(tokens - contextual, contextual),
        "VisionZip",
        PruningPlan.visionZip(tokens - contextual, contextual));
  }

  /**
   * No drops, and some plans as {@code --plan} has them.
   *
   * @param otherwise what there is where none are given
   * @throws IllegalArgumentException naming the piece that is wrong
   */
  public static List<NamedPlan> given(List<String> pieces, Supplier<List<NamedPlan>> otherwise) {
    if (pieces.isEmpty()) {
      return otherwise.get();
    }
    List<NamedPlan> plans = new ArrayList<>(List.of(compared().getFirst()));
    pieces.forEach(text -> plans.add(new NamedPlan(text, text, PruningPlan.parse(text))));
    return plans;
  }

  private static NamedPlan pyramid(double lambda) {
    return new NamedPlan("PyramidDrop λ=" + lambda, "λ=" + lambda, PruningPlan.pyramid(4, lambda));
  }
}
