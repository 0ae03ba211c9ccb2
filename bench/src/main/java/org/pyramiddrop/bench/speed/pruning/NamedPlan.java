package org.pyramiddrop.bench.speed.pruning;

import java.util.List;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A plan and what tables call it.
 *
 * @param label what a chart calls it
 */
record NamedPlan(String name, String label, PruningPlan plan) {
  private static final int STAGES = 4;

  /** The paper's (tables 4 and 5): no drops first, then FastV, then PyramidDrop by lambda. */
  static List<NamedPlan> compared() {
    return List.of(
        new NamedPlan("no drops", "no drops", PruningPlan.none()),
        new NamedPlan("FastV K=2 R=0.5", "FastV", PruningPlan.fastV(2, 0.5)),
        pyramid(0.4),
        pyramid(0.5),
        pyramid(0.6));
  }

  private static NamedPlan pyramid(double lambda) {
    return new NamedPlan(
        "PyramidDrop λ=" + lambda, "λ=" + lambda, PruningPlan.pyramid(STAGES, lambda));
  }
}
