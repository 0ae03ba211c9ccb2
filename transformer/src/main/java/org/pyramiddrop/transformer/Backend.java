package org.pyramiddrop.transformer;

/** What runs the kernels. */
public enum Backend {
  /** The fastest one that is available. */
  AUTO,
  /** The processor's vector unit. */
  CPU,
  /** An NVIDIA GPU. */
  CUDA
}
