package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CublasLt;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Float8;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Quantization;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.kernels.cuda.CudaLinearTest.Layer;
import org.pyramiddrop.kernels.cuda.CudaLinearTest.Sizes;

/**
 * Products by eight-bit floats: on compute capability 9.0 more than a few rows are quantised, too,
 * and held to float64 on what that made of them; elsewhere rows stay as they are.
 */
class CudaFloat8Test {
  private static final DType FP8 = DType.FP8;

  /** What cuBLASLt wants the rows of a matrix to be a multiple of. */
  private static final int MULTIPLE = 16;

  /** A GPU sums eight-bit floats in fewer bits than float32 has. */
  private static final double SUM_ROUNDING = TestGpu.isReal() ? 0x1p-8 : 1e-5;

  /** Whether the GPU and cuBLASLt have products of eight-bit floats. */
  private static boolean supported;

  /** Odd numbers of rows, inputs that end within a block, and more columns than threads. */
  private static final List<Sizes> SIZES =
      List.of(
          new Sizes(17, 8, 16),
          new Sizes(37, 67, 48),
          new Sizes(130, 264, 160),
          new Sizes(18, 4297, 32),
          new Sizes(301, 33, 16));

  /** Whether a device's products by such a weight quantise rows. */
  static boolean quantizes(Kernels kernels, DType weights, int rows, int sums) {
    return weights == FP8
        && kernels.description().contains("9.0")
        && rows > LibraryUse.EXACT_ROWS
        && sums % MULTIPLE == 0
        && supported;
  }

  /** Asked before a device takes the context for a thread of its own. */
  @BeforeAll
  static void askTheLibrary() {
    TestGpu.prepare();
    try (Context context = Context.open(0);
        CublasLt cublas = CublasLt.open(context)) {
      supported = cublas.supportsFloat8();
    }
  }

  /** Opens a GPU that multiplies eight-bit floats. */
  private static Kernels open(DType dtype) {
    assumeTrue(supported, "this GPU and cuBLASLt have no products of eight-bit floats");
    return open(dtype, true);
  }

  /** A matrix of eight-bit floats. */
  static HostMatrix quantize(float[] w, int columns) {
    Blocks blocks = new Blocks(FP8, w.length / columns, columns);
    MemorySegment data = Arena.ofAuto().allocate(blocks.bytes(), 16);
    Quantization quantization = new Quantization(blocks, data);
    for (int row = 0; row < blocks.rows(); row++) {
      quantization.row(row, Arrays.copyOfRange(w, row * columns, (row + 1) * columns));
    }
    return new HostMatrix(FP8, data, blocks.rows(), columns);
  }

  /** Its values, rounded to a type. */
  static float[] values(HostMatrix matrix, DType dtype) {
    Blocks blocks = new Blocks(FP8, matrix.rows(), matrix.columns());
    float[] values = new float[matrix.rows() * matrix.columns()];
    for (int i = 0; i < values.length; i++) {
      float value = blocks.value(matrix.data(), i / matrix.columns(), i % matrix.columns());
      values[i] = Stored.round(dtype, value);
    }
    return values;
  }

  /** What rows are once they are quantised. */
  static float[] quantizedRows(float[] x, int columns) {
    float[] out = new float[x.length];
    for (int from = 0; from < x.length; from += columns) {
      float most = 1e-30f;
      for (int i = from; i < from + columns; i++) {
        most = Math.max(most, Math.abs(x[i]));
      }
      float inverse = Float8.MAX / most;
      for (int i = from; i < from + columns; i++) {
        out[i] = Float8.toFloat(Float8.of(x[i] * inverse)) * (most / Float8.MAX);
      }
    }
    return out;
  }

  private static Kernels open(DType dtype, boolean hopper) {
    TestGpu.prepare();
    return TestGpu.open(dtype, new CudaOptions(true, false).withHopper(hopper));
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void multipliesQuantizedRows(DType dtype) {
    try (Kernels kernels = open(dtype)) {
      for (Sizes sizes : SIZES) {
        assertThat(quantizes(kernels, FP8, sizes.rows(), sizes.outputs())).isTrue();
        for (Activation activation : Activation.values()) {
          for (boolean biased : new boolean[] {false, true}) {
            Layer layer = new Layer(dtype, FP8, sizes, activation, biased, false);
            assertThat(layer.run(kernels, dtype)).isEmpty();
            assertThat(layer.run(kernels, DType.FLOAT32)).isEmpty();
          }
        }
        Layer gated = new Layer(dtype, FP8, sizes, Activation.NONE, false, true);
        assertThat(gated.run(kernels, dtype)).isEmpty();
      }
    }
  }

  /**
   * Rows of a batch's step, or as many of w as cuBLASLt can't take: eight-bit floats are widened.
   */
  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void leavesRowsAsTheyAreWhereTheyCantBeQuantized(DType dtype) {
    try (Kernels kernels = open(dtype, true)) {
      for (Sizes sizes :
          List.of(
              new Sizes(4, 264, 48),
              new Sizes(16, 72, 48),
              new Sizes(37, 72, 25),
              new Sizes(70, 67, 51))) {
        assertThat(quantizes(kernels, FP8, sizes.rows(), sizes.outputs())).isFalse();
        Layer layer = new Layer(dtype, FP8, sizes, Activation.ADD, true, false);
        assertThat(layer.run(kernels, dtype)).isEmpty();
        Layer gated = new Layer(dtype, FP8, sizes, Activation.NONE, false, true);
        assertThat(gated.run(kernels, dtype)).isEmpty();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void leavesRowsAsTheyAreOnOtherGpus(DType dtype) {
    try (Kernels kernels = open(dtype, false)) {
      for (Sizes sizes : SIZES) {
        Layer layer = new Layer(dtype, FP8, sizes, Activation.QUICK_GELU, true, false);
        assertThat(layer.run(kernels, dtype)).isEmpty();
        Layer gated = new Layer(dtype, FP8, sizes, Activation.NONE, false, true);
        assertThat(gated.run(kernels, dtype)).isEmpty();
      }
    }
  }

  /** Scales of such rows begin where cuBLASLt can't read them. */
  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void leavesRowsAsTheyAreBesideAViewFromAnyRowOn(DType dtype) {
    RandomData random = new RandomData("view " + dtype, dtype);
    float[] numbers = random.weights(dtype, 20 * 40, 1);
    float[] x = random.normal(18 * 40, 1);
    HostMatrix matrix = quantize(numbers, 40);
    float[] values = values(matrix, dtype);
    try (Kernels kernels = open(dtype, true);
        Tensor from = kernels.allocate(18, 40);
        Tensor out = kernels.allocate(DType.FLOAT32, 18, 16);
        Weight w = kernels.weight(List.of(matrix))) {
      kernels.upload(x, from);
      kernels.linear(from, w.rows(1, 16), null, Activation.NONE, out);
      float[] actual = kernels.download(out);
      for (int i = 0; i < actual.length; i++) {
        double sum = 0;
        double magnitudes = 0;
        for (int k = 0; k < 40; k++) {
          double term = (double) x[i / 16 * 40 + k] * values[(1 + i % 16) * 40 + k];
          sum += term;
          magnitudes += Math.abs(term);
        }
        assertThat((double) actual[i]).isBetween(sum - 1e-5 * magnitudes, sum + 1e-5 * magnitudes);
      }
    }
  }

  @Test
  void leavesRowsAsTheyAreWithALibraryThatHasNoScales() {
    assumeFalse(TestGpu.isReal(), "only the emulation has other versions");
    TestGpu.prepare();
    TestGpu.hook("emulated_cublas_version", 120800);
    try (Kernels kernels = open(DType.BFLOAT16, true);
        Tensor x = kernels.allocate(18, 40);
        Tensor out = kernels.allocate(DType.FLOAT32, 18, 16)) {
      // A number that is lost beside a large one, if that sets the scale.
      float[] numbers = new float[18 * 40];
      Arrays.fill(numbers, 0x1p-9f);
      numbers[0] = 512;
      kernels.upload(numbers, x);
      float[] ones = new float[16 * 40];
      Arrays.fill(ones, 1);
      try (Weight w = kernels.weight(List.of(quantize(ones, 40)))) {
        kernels.linear(x, w, null, Activation.NONE, out);
        assertThat(kernels.download(out)[0]).isEqualTo(512 + 39 * 0x1p-9f);
      }
    } finally {
      TestGpu.hook("emulated_cublas_version", 130100);
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void quantizesANormToTheBitsOfBothOperationsInARow(DType dtype) {
    RandomData random = new RandomData("norm " + dtype, dtype);
    try (Kernels kernels = open(dtype)) {
      for (int rows : new int[] {17, 43}) {
        for (int inputs : new int[] {8, 33, 72, 1032, 2053, 4104}) {
          float[] gains = random.weights(DType.FLOAT16, inputs, 1);
          float[] numbers = random.weights(dtype, 32 * inputs, 1 / Math.sqrt(inputs));
          try (Tensor x = kernels.allocate(rows, inputs);
              Tensor normed = kernels.allocate(rows, inputs);
              Tensor product = kernels.allocate(rows, 32);
              Tensor both = kernels.allocate(rows, 32);
              Tensor gated = kernels.allocate(rows, 16);
              Tensor bothGated = kernels.allocate(rows, 16);
              Weight norm = kernels.weight(List.of(Stored.matrix(DType.FLOAT16, gains, 1)));
              Weight w = kernels.weight(List.of(quantize(numbers, inputs)))) {
            kernels.upload(random.normal(rows * inputs, 1), x);
            kernels.rmsNorm(x, norm, 1e-5f, normed);
            kernels.normLinear(x, norm, 1e-5f, w, null, product);
            kernels.linear(normed, w, null, Activation.NONE, both);
            assertThat(kernels.download(product)).isEqualTo(kernels.download(both));
            kernels.normSwiGlu(x, norm, 1e-5f, w, gated);
            kernels.swiGlu(normed, w, bothGated);
            assertThat(kernels.download(gated)).isEqualTo(kernels.download(bothGated));
          }
        }
      }
    }
  }

  /** A row of zeros, the least and the largest numbers, and those that aren't finite. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT32", "BFLOAT16"})
  void keepsRowsOfAnySizeApart(DType dtype) {
    int inputs = 40;
    float[][] rows = new float[19][inputs];
    float[] sizes = {0, Float.MIN_VALUE * (1 << 20), 1e-20f, 1, 1e30f};
    RandomData random = new RandomData("sizes", dtype);
    for (int row = 0; row < rows.length; row++) {
      float[] numbers = random.normal(inputs, 1);
      for (int i = 0; i < inputs; i++) {
        float size = row < sizes.length ? sizes[row] : 1;
        rows[row][i] = Stored.round(dtype, size * numbers[i]);
      }
    }
    rows[17][17] = Float.NaN;
    rows[18][3] = Float.NEGATIVE_INFINITY;
    float[] x = new float[rows.length * inputs];
    for (int row = 0; row < rows.length; row++) {
      System.arraycopy(rows[row], 0, x, row * inputs, inputs);
    }
    float[] ones = new float[16 * inputs];
    Arrays.fill(ones, 1);
    try (Kernels kernels = open(dtype);
        Tensor from = kernels.allocate(rows.length, inputs);
        Tensor out = kernels.allocate(DType.FLOAT32, rows.length, 16);
        Weight w = kernels.weight(List.of(quantize(ones, inputs)))) {
      kernels.upload(x, from);
      kernels.linear(from, w, null, Activation.NONE, out);
      float[] actual = kernels.download(out);
      float[] multiplied = quantizedRows(Arrays.copyOf(x, 17 * inputs), inputs);
      for (int i = 0; i < actual.length; i++) {
        int row = i / 16;
        if (row >= 17) {
          assertThat(actual[i]).as("row %d", row).isNaN();
          continue;
        }
        double sum = 0;
        double magnitudes = 0;
        for (int k = 0; k < inputs; k++) {
          sum += multiplied[row * inputs + k];
          magnitudes += Math.abs(multiplied[row * inputs + k]);
        }
        assertThat(Math.abs(actual[i] - sum))
            .as("row %d is %s, not %s", row, actual[i], sum)
            .isLessThanOrEqualTo(SUM_ROUNDING * magnitudes);
      }
    }
  }

  /** Whichever algorithm of cuBLASLt's is fastest, within a recording, too. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void measuresItsAlgorithms(DType dtype, @TempDir Path folder) {
    assumeTrue(supported, "this GPU and cuBLASLt have no products of eight-bit floats");
    TestGpu.prepare();
    RandomData random = new RandomData("algorithms", dtype);
    float[] x = random.normal(40 * 72, 1);
    float[] numbers = random.weights(dtype, 48 * 72, 1);
    float[] first = {};
    for (int fastest = 0; fastest < 3; fastest++) {
      RiggedStopwatch stopwatch = new RiggedStopwatch(fastest, true);
      Path own = folder.resolve(String.valueOf(fastest));
      Tuning tuning = new Tuning.Measured(own, (_, _, _) -> stopwatch);
      CudaOptions options = new CudaOptions(true, true, tuning).withHopper(true);
      try (Kernels kernels = TestGpu.open(dtype, options);
          Tensor from = kernels.allocate(40, 72);
          Tensor out = kernels.allocate(40, 48);
          Weight w = kernels.weight(List.of(quantize(numbers, 72)));
          Recording recording =
              kernels.record(() -> kernels.linear(from, w, null, Activation.NONE, out))) {
        kernels.upload(x, from);
        recording.run();
        float[] actual = kernels.download(out);
        first = fastest == 0 ? actual : first;
        assertThat(stopwatch.winner()).isInstanceOf(ProductAlgorithm.CublasLt.class);
        // Sums of other orders, rounded to the same numbers but for a few.
        int other = 0;
        for (int i = 0; i < actual.length; i++) {
          other += actual[i] == first[i] ? 0 : 1;
        }
        assertThat(other).isLessThan(actual.length / (TestGpu.isReal() ? 2 : 20));
      }
    }
  }
}
