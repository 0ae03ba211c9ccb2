package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Quantization;

/**
 * A short comparison of the native kernels with sums in float64, before any of them is used.
 *
 * <p>In plain Java: the Vector API's products, which no compiler has seen at that time, took over a
 * second of every start.
 */
final class NativeSelfTest {
  /**
   * Two whole tiles and one more row; nothing is a multiple of a vector, and inputs are a whole
   * group of 16 blocks and a rest.
   */
  private static final int ROWS = 25;

  private static final int INPUTS = 547;
  private static final int OUTPUTS = 45;

  /** Of a sum of some hundreds of terms up to 1. */
  private static final double TOLERANCE = 1e-3;

  private NativeSelfTest() {}

  /**
   * Holds a library to the sums of the numbers that are stored.
   *
   * @throws DeviceException if the processor has nothing that it uses, or it computes wrongly
   */
  static void hold(NativeLibrary library) {
    if (library.used().isEmpty()) {
      throw new DeviceException(
          "the native kernels need AVX2 or AVX-512, and this processor has neither");
    }
    try (Workers workers = new Workers(1);
        Arena arena = Arena.ofConfined()) {
      VectorProducts vector =
          new VectorProducts(workers, new BlockedProduct(workers, new Scratch(1)));
      NativeProducts products = new NativeProducts(workers, vector, library);
      Random random = new Random(1);
      CpuTensor x = CpuTensor.allocate(ROWS, INPUTS);
      for (int i = 0; i < x.data().length; i++) {
        // Numbers that products which round them, to bfloat16 or to bytes, leave as they are.
        x.data()[i] = (i % INPUTS % Blocks.SIZE == 0 ? 127 : random.nextInt(-127, 128)) / 128f;
      }
      for (DType dtype : DType.values()) {
        int[] counts =
            IntStream.of(1, 3, 7, ROWS).filter(rows -> products.multiplies(dtype, rows)).toArray();
        if (counts.length > 0) {
          compare(products, weight(dtype, random, arena), x, counts);
        }
      }
    }
  }

  private static void compare(NativeProducts products, CpuWeight w, CpuTensor x, int[] counts) {
    double[] expected = expected(x.data(), w);
    for (int rows : counts) {
      CpuTensor actual = CpuTensor.allocate(rows, OUTPUTS);
      products.linear(x.rows(0, rows), w, null, Activation.NONE, actual);
      compare(expected, actual.data(), rows);
    }
  }

  private static double[] expected(float[] x, CpuWeight w) {
    double[] sums = new double[ROWS * OUTPUTS];
    float[] numbers = new float[INPUTS];
    for (int output = 0; output < OUTPUTS; output++) {
      w.widen(output, 0, INPUTS, numbers, 0, 1);
      for (int row = 0; row < ROWS; row++) {
        double sum = 0;
        for (int i = 0; i < INPUTS; i++) {
          sum += (double) x[row * INPUTS + i] * numbers[i];
        }
        sums[row * OUTPUTS + output] = sum;
      }
    }
    return sums;
  }

  private static CpuWeight weight(DType dtype, Random random, Arena arena) {
    MemorySegment data = arena.allocate(dtype.bytes(OUTPUTS, INPUTS));
    float[] row = new float[INPUTS];
    for (int r = 0; r < OUTPUTS; r++) {
      for (int i = 0; i < INPUTS; i++) {
        row[i] = random.nextFloat(-1, 1);
      }
      if (dtype.inBlocks()) {
        new Quantization(new Blocks(dtype, OUTPUTS, INPUTS), data).row(r, row);
      } else {
        for (int i = 0; i < INPUTS; i++) {
          dtype.store(row[i], data, (long) r * INPUTS + i);
        }
      }
    }
    return CpuWeight.of(List.of(new HostMatrix(dtype, data, OUTPUTS, INPUTS)));
  }

  private static void compare(double[] expected, float[] actual, int rows) {
    for (int i = 0; i < actual.length; i++) {
      if (!(Math.abs(expected[i] - actual[i]) <= TOLERANCE)) {
        throw new DeviceException(
            "the native kernels compute wrongly on this processor: output %d of a product of %d"
                    .formatted(i, rows)
                + " rows is %s, not %s; report it, and use cpu".formatted(actual[i], expected[i]));
      }
    }
  }
}
