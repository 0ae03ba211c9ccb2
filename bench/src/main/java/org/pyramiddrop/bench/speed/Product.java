package org.pyramiddrop.bench.speed;

import org.pyramiddrop.kernels.DType;

/**
 * A linear layer's matrix product by its sizes.
 *
 * @param tokens rows of the activations
 * @param inputs columns of the activations and of the weight
 * @param outputs rows of the weight
 */
public record Product(int tokens, int inputs, int outputs) {
  /** Refuses sizes that no product has. */
  public Product {
    if (tokens < 1 || inputs < 1 || outputs < 1) {
      throw new IllegalArgumentException(
          "a product's sizes must be at least 1, not %d, %d and %d"
              .formatted(tokens, inputs, outputs));
    }
  }

  /** Floating point operations, two for each multiply-add. */
  public double flops() {
    return 2.0 * tokens * inputs * outputs;
  }

  public long weightBytes(DType dtype) {
    return dtype.bytes(outputs, inputs);
  }

  @Override
  public String toString() {
    return tokens + "x" + inputs + "x" + outputs;
  }
}
