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

  /** Squared Euclidean norms of the activations' rows and of all weights' rows. */
  private final double[] tokenNorms;

  private final double[] outputNorms;

  /** Computes it, on all cores. */
  ExactProduct(LinearData data) {
    this.data = data;
    tokens = data.product().tokens();
    inputs = data.product().inputs();
    outputs = data.product().outputs();
    activations = new float[tokens * inputs];
    tokenNorms = new double[tokens];
    products = new double[data.weights() * outputs][tokens];
    outputNorms = new double[products.length];
    try (Arena arena = Arena.ofShared()) {
      MemorySegment mapped = data.map(arena);
      float[] x = RawNumbers.floats(data.activations(mapped), data.dtype());
      for (int i = 0; i < x.length; i++) {
        activations[i % inputs * tokens + i / inputs] = x[i];
        tokenNorms[i / inputs] += (double) x[i] * x[i];
      }
      // All weights are one matrix behind the activations.
      MemorySegment weights = mapped.asSlice(data.weightOffset(0));
      IntStream.range(0, Math.ceilDiv(products.length, OUTPUTS))
          .parallel()
          .forEach(block -> multiply(weights, block * OUTPUTS));
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
    double[] exact = values();
    if (output.length != exact.length) {
      return Verdict.wrong("%d numbers instead of %d".formatted(output.length, exact.length));
    }
    double ownStep = stored == DType.BFLOAT16 ? BFLOAT16_STEP : FLOAT_STEP;
    int[] wrong =
        IntStream.range(0, exact.length)
            .filter(i -> {
              double norms = Math.sqrt(tokenNorms[i / outputs % tokens] * outputNorms[row(i)]);
              double sum = 4 * Math.sqrt(inputs) * FLOAT_STEP * norms;
              return !(Math.abs(output[i] - exact[i]) <= sum + ownStep * Math.abs(exact[i]));
            })
            .toArray();
    if (wrong.length == 0) {
      return Verdict.right("all %d elements right".formatted(exact.length));
    }
    int first = wrong[0];
    return Verdict.wrong(
        "%d of %d elements wrong, the first at row %d, column %d: %g instead of %g"
            .formatted(
                wrong.length,
                exact.length,
                first / outputs % tokens,
                first % outputs,
                output[first],
                exact[first]));
  }

  private int row(int element) {
    return element / outputs / tokens * outputs + element % outputs;
  }

  double[] values() {
    return IntStream.range(0, products.length * tokens)
        .mapToDouble(i -> products[row(i)][i / outputs % tokens])
        .toArray();
  }
}
