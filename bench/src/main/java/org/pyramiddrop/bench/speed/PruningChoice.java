package org.pyramiddrop.bench.speed;

import org.pyramiddrop.transformer.pruning.PruningPlan;

/** The plans that are compared; the paper's settings. */
public enum PruningChoice {
  /** No drops. */
  NONE("no drops"),
  /** Half of the image after two layers. */
  FASTV("FastV K=2 R=0.5"),
  /** Half of what is left after each of four stages but the last. */
  PYRAMID("PyramidDrop λ=0.5");

  private final String label;

  PruningChoice(String label) {
    this.label = label;
  }

  public PruningPlan plan() {
    return switch (this) {
      case NONE -> PruningPlan.none();
      case FASTV -> PruningPlan.fastV(2, 0.5);
      case PYRAMID -> PruningPlan.pyramid(4, 0.5);
    };
  }

  public String label() {
    return label;
  }
}
