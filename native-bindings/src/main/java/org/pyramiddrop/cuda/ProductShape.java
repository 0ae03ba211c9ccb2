package org.pyramiddrop.cuda;

/**
 * A matrix product {@code out = x · wᵀ}, {@code x · w} or {@code xᵀ · w}, {@code + bias}, {@code +
 * out}, all but its addresses. Matrices are row after row.
 *
 * <p>Matrices of {@link ElementType#FLOAT8_E4M3} have a float32 scale for each of their rows:
 * {@code out[i][j] = xScale[i] · wScale[j] · Σ x[i][k] · w[j][k]}. cuBLASLt does only {@link
 * Transposed#W} of them, wants every address and every row of every matrix to take a multiple of 16
 * bytes, and beside a float32 out only a bias of another type; so they have no bias here.
 *
 * @param transposed which matrix is transposed, and so how x and w lie
 * @param rows of out
 * @param outputs columns of out, length of the bias
 * @param inputs how many products are added up for each number of out
 * @param xStride elements from one row of x to the next, at least as many as a row has
 * @param outStride elements from one row of out to the next, at least {@code outputs}
 * @param in type of x and w
 * @param out type of out and of the bias: {@code in}, or float32; after {@link
 *     ElementType#FLOAT8_E4M3} any other
 * @param bias whether a bias is added to each row; never with {@link ElementType#FLOAT8_E4M3}
 * @param accumulate whether the product is added to what out holds
 * @param alignment what every address is a multiple of, in bytes: a power of two up to 16, the more
 *     the faster
 */
public record ProductShape(
    Transposed transposed,
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
    int xColumns = xColumns(transposed, rows, inputs);
    if (xStride < xColumns || outStride < outputs) {
      throw new IllegalArgumentException(
          "strides %d and %d are shorter than rows of %d and %d"
              .formatted(xStride, outStride, xColumns, outputs));
    }
    if (in == ElementType.FLOAT8_E4M3) {
      requireFloat8(transposed, inputs, outputs, xStride, outStride, out, bias, alignment);
    } else if (out != in && out != ElementType.FLOAT32) {
      throw new IllegalArgumentException(
          "a product of %s gives %s or float32, not %s".formatted(in, in, out));
    }
    if (Integer.bitCount(alignment) != 1
        || alignment < Math.max(in.bytes(), out.bytes())
        || alignment > WIDEST) {
      throw new IllegalArgumentException("addresses can't be multiples of %d".formatted(alignment));
    }
  }

  private static void requireFloat8(
      Transposed transposed,
      int inputs,
      int outputs,
      int xStride,
      int outStride,
      ElementType out,
      boolean bias,
      int alignment) {
    if (transposed != Transposed.W || bias || out == ElementType.FLOAT8_E4M3) {
      throw new IllegalArgumentException(
          "a product of FLOAT8_E4M3 is x · wᵀ without a bias, and gives a wider type: asked for"
              + " %s transposed, %s, out %s"
                  .formatted(transposed, bias ? "a bias" : "no bias", out));
    }
    // Bits below 16 are set in this if they are set in any.
    int bytes = inputs | xStride | outputs * out.bytes() | outStride * out.bytes() | alignment;
    if (bytes % WIDEST != 0) {
      throw new IllegalArgumentException(
          ("rows and addresses of a product of FLOAT8_E4M3 are multiples of 16 bytes: asked for %d"
                  + " inputs, %d outputs, strides %d and %d, addresses in multiples of %d, out %s")
              .formatted(inputs, outputs, xStride, outStride, alignment, out));
    }
  }

  /** A product {@code x · wᵀ} of one type, rows close together, all addresses multiples of 16. */
  public static ProductShape of(int rows, int outputs, int inputs, ElementType type) {
    return of(Transposed.W, rows, outputs, inputs, type);
  }

  /** Any product of one type, rows close together, all addresses multiples of 16. */
  public static ProductShape of(
      Transposed transposed, int rows, int outputs, int inputs, ElementType type) {
    int xColumns = xColumns(transposed, rows, inputs);
    return new ProductShape(
        transposed, rows, outputs, inputs, xColumns, outputs, type, type, false, false, WIDEST);
  }

  /**
   * A product {@code x · wᵀ} of {@link ElementType#FLOAT8_E4M3} with scales, rows close together.
   *
   * @param inputs a multiple of 16
   * @param outputs so many that a row of out takes a multiple of 16 bytes
   */
  public static ProductShape ofFloat8(int rows, int outputs, int inputs, ElementType out) {
    return new ProductShape(
        Transposed.W,
        rows,
        outputs,
        inputs,
        inputs,
        outputs,
        ElementType.FLOAT8_E4M3,
        out,
        false,
        false,
        WIDEST);
  }

  /** Whether x and w have scales. */
  public boolean scaled() {
    return in == ElementType.FLOAT8_E4M3;
  }

  /** How many rows x has. */
  int xRows() {
    return transposed == Transposed.X ? inputs : rows;
  }

  /** How many columns x has. */
  int xColumns() {
    return xColumns(transposed, rows, inputs);
  }

  private static int xColumns(Transposed transposed, int rows, int inputs) {
    return transposed == Transposed.X ? rows : inputs;
  }

  /** How many rows w has. */
  int wRows() {
    return transposed == Transposed.W ? outputs : inputs;
  }

  /** How many columns w has. */
  int wColumns() {
    return transposed == Transposed.W ? inputs : outputs;
  }

  /** The same with rows further apart. */
  public ProductShape withStrides(int ofX, int ofOut) {
    return new ProductShape(
        transposed, rows, outputs, inputs, ofX, ofOut, in, out, bias, accumulate, alignment);
  }

  /** The same with a bias. */
  public ProductShape withBias() {
    return new ProductShape(
        transposed,
        rows,
        outputs,
        inputs,
        xStride,
        outStride,
        in,
        out,
        true,
        accumulate,
        alignment);
  }

  /** The same, added to what out holds. */
  public ProductShape withAccumulation() {
    return new ProductShape(
        transposed, rows, outputs, inputs, xStride, outStride, in, out, bias, true, alignment);
  }

  /** The same with another type of out and bias. */
  public ProductShape withOutType(ElementType type) {
    return new ProductShape(
        transposed,
        rows,
        outputs,
        inputs,
        xStride,
        outStride,
        in,
        type,
        bias,
        accumulate,
        alignment);
  }

  /**
   * The same for addresses that are multiples of what these are; without a bias, its address is 0.
   */
  public ProductShape withAlignmentOf(long x, long w, long biasAddress, long outAddress) {
    long lowest = Long.lowestOneBit(x | w | biasAddress | outAddress | WIDEST);
    return new ProductShape(
        transposed,
        rows,
        outputs,
        inputs,
        xStride,
        outStride,
        in,
        out,
        bias,
        accumulate,
        (int) lowest);
  }
}
