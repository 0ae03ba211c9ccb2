package org.pyramiddrop.cuda;

/**
 * A matrix product {@code out = x · wᵀ}, {@code + bias}, {@code + out}, all but its addresses.
 * Matrices are row after row.
 *
 * @param rows of x and out
 * @param outputs columns of out, rows of w, length of the bias
 * @param inputs columns of x and w
 * @param xStride elements from one row of x to the next, at least {@code inputs}
 * @param outStride elements from one row of out to the next, at least {@code outputs}
 * @param in type of x and w
 * @param out type of out and of the bias: {@code in}, or float32
 * @param bias whether a bias is added to each row
 * @param accumulate whether the product is added to what out holds
 * @param alignment what every address is a multiple of, in bytes: a power of two up to 16, the more
 *     the faster
 */
public record ProductShape(
    int rows,
    int outputs,
    int inputs,
    int xStride,
    int outStride,
    ElementType in,
    ElementType out,
    boolean bias,
    boolean accumulate,
    int alignment) {
  /** No instruction reads more at once. */
  private static final int WIDEST = 16;

  /** Throws {@link IllegalArgumentException} for what can't be multiplied. */
  public ProductShape {
    if (rows <= 0 || outputs <= 0 || inputs <= 0) {
      throw new IllegalArgumentException(
          "a product of %d rows, %d outputs and %d inputs is empty"
              .formatted(rows, outputs, inputs));
    }
    if (xStride < inputs || outStride < outputs) {
      throw new IllegalArgumentException(
          "strides %d and %d are shorter than rows of %d and %d"
              .formatted(xStride, outStride, inputs, outputs));
    }
    if (out != in && out != ElementType.FLOAT32) {
      throw new IllegalArgumentException(
          "a product of %s gives %s or float32, not %s".formatted(in, in, out));
    }
    if (Integer.bitCount(alignment) != 1
        || alignment < Math.max(in.bytes(), out.bytes())
        || alignment > WIDEST) {
      throw new IllegalArgumentException("addresses can't be multiples of %d".formatted(alignment));
    }
  }

  /** A product of one type, rows close together, all addresses multiples of 16. */
  public static ProductShape of(int rows, int outputs, int inputs, ElementType type) {
    return new ProductShape(
        rows, outputs, inputs, inputs, outputs, type, type, false, false, WIDEST);
  }

  /** The same with rows further apart. */
  public ProductShape withStrides(int ofX, int ofOut) {
    return new ProductShape(
        rows, outputs, inputs, ofX, ofOut, in, out, bias, accumulate, alignment);
  }

  /** The same with a bias. */
  public ProductShape withBias() {
    return new ProductShape(
        rows, outputs, inputs, xStride, outStride, in, out, true, accumulate, alignment);
  }

  /** The same, added to what out holds. */
  public ProductShape withAccumulation() {
    return new ProductShape(
        rows, outputs, inputs, xStride, outStride, in, out, bias, true, alignment);
  }

  /** The same with another type of out and bias. */
  public ProductShape withOutType(ElementType type) {
    return new ProductShape(
        rows, outputs, inputs, xStride, outStride, in, type, bias, accumulate, alignment);
  }

  /**
   * The same for addresses that are multiples of what these are; without a bias, its address is 0.
   */
  public ProductShape withAlignmentOf(long x, long w, long biasAddress, long outAddress) {
    long lowest = Long.lowestOneBit(x | w | biasAddress | outAddress | WIDEST);
    return new ProductShape(
        rows, outputs, inputs, xStride, outStride, in, out, bias, accumulate, (int) lowest);
  }
}
