package org.pyramiddrop.kernels;

import java.util.List;
import org.junit.jupiter.api.Test;

/** {@link Kernels#rmsNorm} and {@link Kernels#layerNorm}. */
interface NormContract extends ContractPart {
  List<Integer> COLUMNS = List.of(1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 127, 257, 515, 1024, 4096);

  /** Rows that a device takes otherwise than shorter ones, in whole accesses and not. */
  List<Integer> LONG_COLUMNS = List.of(520, 1032, 1152, 2053, 5120, 8200, 16_400);

  @Test
  default void dividesByTheRootMeanSquare() {
    for (int columns : COLUMNS) {
      for (double deviation : new double[] {1e-3, 1, 300}) {
        dividesByTheRootMeanSquare(rows(), columns, deviation);
      }
    }
    for (int columns : LONG_COLUMNS) {
      dividesByTheRootMeanSquare(random().between(1, 6), columns, 1);
    }
  }

  private void dividesByTheRootMeanSquare(int rows, int columns, double deviation) {
    DType dtype = dtype();
    float[] x = random().normal(rows * columns, deviation);
    float[] w = random().weights(dtype, columns, 1);
    float epsilon = (float) random().oneOf(1e-5, 1e-6, 0.1);
    Output out = device().output(rows, columns);
    Weight weight = device().weight(dtype, w, 1);
    kernels().rmsNorm(device().input(x, columns), weight, epsilon, out.view());
    String what = "rmsNorm %d × %d, %s".formatted(rows, columns, dtype);
    device().check(what, out, Reference.rmsNorm(x, w, epsilon));
    device().endCase();
  }

  @Test
  default void subtractsTheMeanAndDividesByTheDeviation() {
    for (int columns : COLUMNS) {
      for (double mean : new double[] {0, 1, -1000}) {
        subtractsTheMean(rows(), columns, mean);
      }
    }
    for (int columns : LONG_COLUMNS) {
      subtractsTheMean(random().between(1, 6), columns, random().oneOf(0, 1, -1000));
    }
  }

  private void subtractsTheMean(int rows, int columns, double mean) {
    DType dtype = dtype();
    DType biasType = dtype();
    float[] x = random().normal(rows * columns, random().oneOf(0.01, 1, 30));
    for (int i = 0; i < x.length; i++) {
      x[i] = random().round(x[i] + mean);
    }
    float[] w = random().weights(dtype, columns, 1);
    float[] bias = random().weights(biasType, columns, 1);
    float epsilon = (float) random().oneOf(1e-5, 1e-6, 0.1);
    Output out = device().output(rows, columns);
    kernels()
        .layerNorm(
            device().input(x, columns),
            device().weight(dtype, w, 1),
            device().weight(biasType, bias, 1),
            epsilon,
            out.view());
    String what = "layerNorm %d × %d, mean %s".formatted(rows, columns, mean);
    device().check(what, out, Reference.layerNorm(x, w, bias, epsilon));
    device().endCase();
  }

  @Test
  default void normalisesRowsOfZerosToZero() {
    float[] bias = {3, 4, 5};
    Weight w = device().weight(DType.FLOAT32, new float[] {1, 1, 1}, 1);
    Tensor zeros = device().input(new float[6], 3);
    Output rms = device().output(2, 3);
    kernels().rmsNorm(zeros, w, 1e-6f, rms.view());
    device().check("rmsNorm of zeros", rms, Expected.exactly(new float[6], 3));
    Output layer = device().output(2, 3);
    kernels().layerNorm(zeros, w, device().weight(DType.FLOAT32, bias, 1), 1e-6f, layer.view());
    float[] biases = {3, 4, 5, 3, 4, 5};
    device().check("layerNorm of zeros", layer, Expected.exactly(biases, 3));
  }

  /** A few rows, or so many that they are shared out. */
  private int rows() {
    return random().oneOf(1, 2, 3, 5, 61, 127);
  }

  private DType dtype() {
    return random().oneOf(DType.single());
  }
}
