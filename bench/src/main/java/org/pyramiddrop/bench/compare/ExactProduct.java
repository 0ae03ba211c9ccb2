package org.pyramiddrop.bench.compare;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;

/**
 * A linear layer's products in float64, which outputs are held against element by element, those of
 * each weight in turn.
 */
final class ExactProduct {
  /** Outputs a task computes at a time, and inputs whose weights it keeps in a cache. */
  private static final int OUTPUTS = 256;

  private static final int INPUTS = 64;

  private static final double FLOAT_STEP = 0x1p-24;
  private static final double BFLOAT16_STEP = 0x1p-8;

  private final LinearData data;

  /** {@code weights × tokens × outputs}. */
  private final double[] values;

  /** Euclidean norms of the activations' rows and of all weights' rows. */
  private final double[] rowNorms;

  private final double[] outputNorms;

  private ExactProduct(LinearData data) {
    this.data = data;
    int outputs = data.product().outputs();
    values = new double[Math.multiplyExact(data.weights() * data.product().tokens(), outputs)];
    rowNorms = new double[data.product().tokens()];
    outputNorms = new double[data.weights() * outputs];
  }

  /** Computes it, on all cores. */
  static ExactProduct of(LinearData data) {
    ExactProduct product = new ExactProduct(data);
    try (Arena arena = Arena.ofShared()) {
      MemorySegment mapped = data.map(arena);
      float[] x = RawNumbers.floats(data.activations(mapped), data.dtype());
      product.measure(x);
      int outputs = data.product().outputs();
      for (int w = 0; w < data.weights(); w++) {
        int weight = w;
        IntStream.range(0, Math.ceilDiv(outputs, OUTPUTS))
            .parallel()
            .forEach(block -> product.multiply(x, mapped, weight, block * OUTPUTS));
      }
    }
    return product;
  }

  private void measure(float[] x) {
    int inputs = data.product().inputs();
    for (int row = 0; row < rowNorms.length; row++) {
      double squares = 0;
      for (int k = 0; k < inputs; k++) {
        squares += (double) x[row * inputs + k] * x[row * inputs + k];
      }
      rowNorms[row] = Math.sqrt(squares);
    }
  }

  private void multiply(float[] x, MemorySegment mapped, int weight, int from) {
    int tokens = data.product().tokens();
    int inputs = data.product().inputs();
    int outputs = data.product().outputs();
    MemorySegment matrix = data.weight(mapped, weight);
    int width = Math.min(OUTPUTS, outputs - from);
    double[] panel = new double[INPUTS * width];
    double[] sums = new double[width];
    double[] squares = new double[width];
    for (int k = 0; k < inputs; k += INPUTS) {
      int depth = Math.min(INPUTS, inputs - k);
      for (int j = 0; j < width; j++) {
        for (int i = 0; i < depth; i++) {
          long at = (long) (from + j) * inputs + k + i;
          double w = RawNumbers.number(matrix, data.dtype(), at);
          panel[i * width + j] = w;
          squares[j] += w * w;
        }
      }
      for (int row = 0; row < tokens; row++) {
        int to = (weight * tokens + row) * outputs + from;
        System.arraycopy(values, to, sums, 0, width);
        for (int i = 0; i < depth; i++) {
          addScaled(sums, x[row * inputs + k + i], panel, i * width);
        }
        System.arraycopy(sums, 0, values, to, width);
      }
    }
    for (int j = 0; j < width; j++) {
      outputNorms[weight * outputs + from + j] = Math.sqrt(squares[j]);
    }
  }

  private static void addScaled(double[] sums, double factor, double[] panel, int at) {
    for (int j = 0; j < sums.length; j++) {
      sums[j] += factor * panel[at + j];
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
    if (output.length != values.length) {
      return new Verdict.Differs(
          "%d numbers instead of %d".formatted(output.length, values.length));
    }
    int inputs = data.product().inputs();
    int outputs = data.product().outputs();
    double sumStep = 4 * Math.sqrt(inputs) * FLOAT_STEP;
    double ownStep = stored == DType.BFLOAT16 ? BFLOAT16_STEP : FLOAT_STEP;
    int wrong = 0;
    int first = -1;
    for (int i = 0; i < output.length; i++) {
      int row = i / outputs;
      int column = row / rowNorms.length * outputs + i % outputs;
      double allowed =
          sumStep * rowNorms[row % rowNorms.length] * outputNorms[column]
              + ownStep * Math.abs(values[i]);
      if (!(Math.abs(output[i] - values[i]) <= allowed)) {
        wrong++;
        first = first < 0 ? i : first;
      }
    }
    if (wrong == 0) {
      return new Verdict.Agrees("all %d elements right".formatted(output.length));
    }
    return new Verdict.Differs(
        "%d of %d elements wrong, the first at row %d, column %d: %g instead of %g"
            .formatted(
                wrong,
                output.length,
                first / outputs % rowNorms.length,
                first % outputs,
                output[first],
                values[first]));
  }

  /** The products, {@code weights × tokens × outputs}. */
  double[] values() {
    return Arrays.copyOf(values, values.length);
  }
}
