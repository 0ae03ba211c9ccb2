package org.pyramiddrop.bench.speed.compare;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;

/**
 * A linear layer's products in float64, which outputs are held against element by element, those of
 * each weight in turn.
 */
final class ExactProduct {
  /** Outputs a task computes at a time, so that it reads the activations only once for all. */
  private static final int OUTPUTS = 16;

  private static final double FLOAT_STEP = 0x1p-24;
  private static final double BFLOAT16_STEP = 0x1p-8;

  private final LinearData data;
  private final int tokens;
  private final int inputs;
  private final int outputs;

  /** {@code inputs × tokens}: a product runs along the tokens, where vectors have room. */
  private final float[] activations;

  /** {@code weights × outputs} rows of all tokens. */
  private final double[][] products;

  /** Euclidean norms of the activations' rows and of all weights' rows. */
  private final double[] tokenNorms;

  private final double[] outputNorms;

  private ExactProduct(LinearData data, float[] x) {
    this.data = data;
    tokens = data.product().tokens();
    inputs = data.product().inputs();
    outputs = data.product().outputs();
    activations = new float[x.length];
    tokenNorms = new double[tokens];
    for (int row = 0; row < tokens; row++) {
      double squares = 0;
      for (int k = 0; k < inputs; k++) {
        float value = x[row * inputs + k];
        activations[k * tokens + row] = value;
        squares += (double) value * value;
      }
      tokenNorms[row] = Math.sqrt(squares);
    }
    products = new double[data.weights() * outputs][tokens];
    outputNorms = new double[data.weights() * outputs];
  }

  static ExactProduct of(LinearData data) {
    try (Arena arena = Arena.ofShared()) {
      MemorySegment mapped = data.map(arena);
      ExactProduct exact =
          new ExactProduct(data, RawNumbers.floats(data.activations(mapped), data.dtype()));
      // All weights are one matrix behind the activations.
      MemorySegment weights = mapped.asSlice(data.weightOffset(0));
      IntStream.range(0, Math.ceilDiv(exact.products.length, OUTPUTS))
          .parallel()
          .forEach(block -> exact.multiply(weights, block * OUTPUTS));
      return exact;
    }
  }

  private void multiply(MemorySegment weights, int from) {
    int to = Math.min(from + OUTPUTS, products.length);
    for (int k = 0; k < inputs; k++) {
      for (int output = from; output < to; output++) {
        double w = RawNumbers.number(weights, data.dtype(), (long) output * inputs + k);
        outputNorms[output] += w * w;
        addScaled(products[output], w, activations, k * tokens);
      }
    }
    for (int output = from; output < to; output++) {
      outputNorms[output] = Math.sqrt(outputNorms[output]);
    }
  }

  private static void addScaled(double[] sums, double factor, float[] values, int at) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += factor * values[at + i];
    }
  }

  /**
   * Holds a side's output against the products.
   *
   * <p>An element may be off by what rounding does to a float32 sum of so many products, four times
   * the square root of their count in steps of the two rows' norms; and by a step of its own if it
   * is stored as bfloat16.
   *
   * @param output {@code weights × tokens × outputs}
   * @param stored the type that the output was rounded to
   */
  Verdict check(float[] output, DType stored) {
    int size = data.weights() * tokens * outputs;
    if (output.length != size) {
      return new Verdict.Differs("%d numbers instead of %d".formatted(output.length, size));
    }
    double sumStep = 4 * Math.sqrt(inputs) * FLOAT_STEP;
    double ownStep = stored == DType.BFLOAT16 ? BFLOAT16_STEP : FLOAT_STEP;
    int wrong = 0;
    int first = -1;
    for (int i = 0; i < size; i++) {
      double exact = value(i);
      double allowed =
          sumStep * tokenNorms[token(i)] * outputNorms[row(i)] + ownStep * Math.abs(exact);
      if (!(Math.abs(output[i] - exact) <= allowed)) {
        wrong++;
        first = first < 0 ? i : first;
      }
    }
    return wrong == 0
        ? new Verdict.Agrees("all %d elements right".formatted(size))
        : new Verdict.Differs(
            "%d of %d elements wrong, the first at row %d, column %d: %g instead of %g"
                .formatted(
                    wrong, size, token(first), first % outputs, output[first], value(first)));
  }

  private int token(int element) {
    return element / outputs % tokens;
  }

  private int row(int element) {
    return element / outputs / tokens * outputs + element % outputs;
  }

  private double value(int element) {
    return products[row(element)][token(element)];
  }

  /** The products, {@code weights × tokens × outputs}. */
  double[] values() {
    return IntStream.range(0, data.weights() * tokens * outputs).mapToDouble(this::value).toArray();
  }
}
