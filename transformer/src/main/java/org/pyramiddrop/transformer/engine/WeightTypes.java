package org.pyramiddrop.transformer.engine;

import java.util.Optional;
import org.pyramiddrop.kernels.DType;

/**
 * What weights are converted to while they are loaded.
 *
 * @param all the type of all weights and, on a GPU, of activations; empty for the checkpoint's
 * @param matrices the type in blocks of the matrices in the decoder's layers, whatever {@code all}
 *     says; empty to treat them like all others
 */
public record WeightTypes(Optional<DType> all, Optional<DType> matrices) {
  /** Refuses types that can't be had. */
  public WeightTypes {
    all.filter(DType::inBlocks)
        .ifPresent(type -> {
          throw type.notSingle();
        });
    if (matrices.isPresent() && !matrices.get().inBlocks()) {
      throw new IllegalArgumentException(matrices.get().label() + " isn't stored in blocks");
    }
  }

  /**
   * The type in blocks of an output head that is no embedding; empty to treat it like all others.
   * Beside {@link DType#INT4} it is {@link DType#INT8}: every step reads it whole, and four bits of
   * it would cost most.
   */
  public Optional<DType> head() {
    return matrices.map(type -> type == DType.INT4 ? DType.INT8 : type);
  }

  /** All weights in one type; empty for the checkpoint's. */
  public static WeightTypes of(Optional<DType> all) {
    return new WeightTypes(all, Optional.empty());
  }
}
