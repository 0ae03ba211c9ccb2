package org.pyramiddrop.bench.speed;

import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.pyramiddrop.kernels.DType;

/**
 * A linear layer's matrix product by its sizes.
 *
 * @param tokens rows of the activations
 * @param inputs columns of the activations and of the weight
 * @param outputs rows of the weight
 */
public record Product(int tokens, int inputs, int outputs) {
  private static final Pattern TEXT = Pattern.compile("(\\d+)x(\\d+)x(\\d+)");

  /** Reads tokens, inputs and outputs, as in {@code 636x4096x11008}. */
  public static Product parse(String text) {
    Matcher sizes = TEXT.matcher(text);
    if (!sizes.matches()) {
      throw new IllegalArgumentException(
          "a product is written tokens x inputs x outputs, as 636x4096x11008, not " + text);
    }
    return new Product(
        Integer.parseInt(sizes.group(1)),
        Integer.parseInt(sizes.group(2)),
        Integer.parseInt(sizes.group(3)));
  }

  /** Floating point operations, two for each multiply-add. */
  public double flops() {
    return 2.0 * tokens * inputs * outputs;
  }

  public long weightBytes(DType dtype) {
    return (long) inputs * outputs * dtype.bytes();
  }

  @Override
  public String toString() {
    return tokens + "x" + inputs + "x" + outputs;
  }
}
