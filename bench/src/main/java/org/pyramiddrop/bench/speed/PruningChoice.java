package org.pyramiddrop.bench.speed;

import org.pyramiddrop.transformer.pruning.PruningPlan;

/** The plans that are compared; the paper's settings. */
public enum PruningChoice {
  /** No drops. */
  NONE("no drops", PruningPlan.none()),
  /** Half of the image after two layers. */
  FASTV("FastV K=2 R=0.5", PruningPlan.fastV(2, 0.5)),
  /** Half of what is left after each of four stages but the last. */
  PYRAMID("PyramidDrop λ=0.5", PruningPlan.pyramid(4, 0.5));

  private final String label;
  private final PruningPlan plan;

  PruningChoice(String label, PruningPlan plan) {
    this.label = label;
    this.plan = plan;
  }

  public PruningPlan plan() {
    return plan;
  }

  public String label() {
    return label;
  }
}
