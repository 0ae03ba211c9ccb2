package org.pyramiddrop.bench.speed.pruning;

import java.util.Arrays;
import java.util.List;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A plan and what tables call it.
 *
 * @param label what a chart calls it
 */
public record NamedPlan(String name, String label, PruningPlan plan) {
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

  private static NamedPlan pyramid(double lambda) {
    return new NamedPlan("PyramidDrop λ=" + lambda, "λ=" + lambda, PruningPlan.pyramid(4, lambda));
  }
}
