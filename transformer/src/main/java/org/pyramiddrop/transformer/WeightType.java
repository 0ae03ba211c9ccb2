package org.pyramiddrop.transformer;

import java.util.Optional;
import org.pyramiddrop.kernels.DType;

/** The type that a model's weights have while it runs. */
public enum WeightType {
  /** The type they have in the checkpoint. */
  AUTO(Optional.empty()),
  /** IEEE 754 binary32. */
  FLOAT32(Optional.of(DType.FLOAT32)),
  /** The upper half of a binary32. */
  BFLOAT16(Optional.of(DType.BFLOAT16)),
  /** IEEE 754 binary16. */
  FLOAT16(Optional.of(DType.FLOAT16));

  private final Optional<DType> converted;

  WeightType(Optional<DType> converted) {
    this.converted = converted;
  }

  /** What weights are converted to; empty if they stay as they are. */
  public Optional<DType> converted() {
    return converted;
  }
}
