package org.pyramiddrop.kernels;

/** What becomes of a linear layer's sum before it is written. */
public enum Activation {
  /** Written as it is. */
  NONE,
  /** Added to what the output holds: a residual connection. */
  ADD,
  /** x·Φ(x) with the exact normal distribution, as {@code gelu} in Hugging Face configurations. */
  GELU,
  /** x·σ(1.702x), CLIP's {@code quick_gelu}. */
  QUICK_GELU
}
