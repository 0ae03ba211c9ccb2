package org.pyramiddrop.transformer;

/** The type that a model's weights have while it runs. */
public enum WeightType {
  /** The type they have in the checkpoint. */
  AUTO,
  /** IEEE 754 binary32. */
  FLOAT32,
  /** The upper half of a binary32. */
  BFLOAT16,
  /** IEEE 754 binary16. */
  FLOAT16
}
