package org.pyramiddrop.training.model;

import java.util.EnumSet;
import java.util.Set;

/**
 * Low-rank updates of frozen matrices (LoRA, Hu et al. 2021): {@code W + alpha / rank · B · A}.
 *
 * @param rank rows of A and columns of B, at least 1
 * @param alpha what the update is multiplied by, times the rank
 * @param targets the decoder's matrices that get one; at least one
 */
public record LoraSettings(int rank, float alpha, Set<Target> targets) {
  /** What A's name has behind its module's. */
  public static final String A = ".lora_A.weight";

  /** The same of B. */
  public static final String B = ".lora_B.weight";

  /** A matrix of each decoder layer. */
  public enum Target {
    /** Query projection. */
    Q("self_attn.q_proj"),
    /** Key projection. */
    K("self_attn.k_proj"),
    /** Value projection. */
    V("self_attn.v_proj"),
    /** Attention's output projection. */
    O("self_attn.o_proj"),
    /** The feed-forward network's gate. */
    GATE("mlp.gate_proj"),
    /** The feed-forward network's first projection. */
    UP("mlp.up_proj"),
    /** The feed-forward network's second projection. */
    DOWN("mlp.down_proj");

    private final String module;

    Target(String module) {
      this.module = module;
    }

    /** Its module's name inside a layer. */
    public String module() {
      return module;
    }
  }

  /** Refuses a rank below 1, an alpha that is no positive number, and no target. */
  public LoraSettings {
    if (rank < 1) {
      throw new IllegalArgumentException("a LoRA's rank must be at least 1, not " + rank);
    }
    if (!(alpha > 0) || Float.isInfinite(alpha)) {
      throw new IllegalArgumentException("a LoRA's alpha must be above 0, not " + alpha);
    }
    if (targets.isEmpty()) {
      throw new IllegalArgumentException("a LoRA needs at least one target");
    }
    targets = Set.copyOf(EnumSet.copyOf(targets));
  }

  /** What B · A is multiplied by. */
  public float scale() {
    return alpha / rank;
  }
}
