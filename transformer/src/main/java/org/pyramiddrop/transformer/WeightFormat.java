package org.pyramiddrop.transformer;

import java.util.Optional;
import org.pyramiddrop.kernels.DType;

/**
 * How the matrices of the decoder's layers are held, which are most of a model: numbers of few bits
 * take less memory, and where kernels are made for them a decode step takes less time. All else
 * stays as {@link WeightType} says, but for an output head that isn't the embedding: it is FP8
 * beside FP8, and INT8 beside INT8 and INT4.
 */
public enum WeightFormat {
  /** As they are stored. */
  STORED(Optional.empty()),
  /** Bytes in blocks of 32 with a scale each, 8.5 bits a number. */
  INT8(Optional.of(DType.INT8)),
  /** Four bits in blocks of 32 with a scale and a zero each, 4.625 bits a number. */
  INT4(Optional.of(DType.INT4)),
  /** Eight-bit floats (E4M3) with a scale a row, 8 bits a number. */
  FP8(Optional.of(DType.FP8));

  private final Optional<DType> converted;

  WeightFormat(Optional<DType> converted) {
    this.converted = converted;
  }

  /** What they are converted to; empty if they stay as they are. */
  public Optional<DType> converted() {
    return converted;
  }
}
