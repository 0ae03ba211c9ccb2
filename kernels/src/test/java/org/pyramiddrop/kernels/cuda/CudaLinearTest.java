package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Reference;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** Linear layers of sizes and types that take algorithms which the contract's do not. */
class CudaLinearTest {
  /** Of a GPU on which several blocks share a tile. */
  private static final int MULTIPROCESSORS = 11;

  @AfterEach
  void forgetHooks() {
    TestGpu.restore();
  }

  record Sizes(int rows, int inputs, int outputs) {}

  /**
   * A layer's numbers, and what they should give.
   *
   * @param weights the type of the matrix, the device's or FP8
   */
  record Layer(
      DType dtype,
      DType weights,
      Sizes sizes,
      Activation activation,
      boolean biased,
      boolean gated) {
    Layer(DType dtype, Sizes sizes, Activation activation, boolean biased, boolean gated) {
      this(dtype, dtype, sizes, activation, biased, gated);
    }

    String run(DType outType) {
      TestGpu.prepare();
      CudaOptions portable = CudaOptions.defaults().withHopper(false);
      try (Kernels kernels = TestGpu.open(dtype, portable)) {
        return run(kernels, outType);
      }
    }

    /** What is wrong with the result; empty if nothing is. */
    String run(Kernels kernels, DType outType) {
      RandomData random = new RandomData(toString(), dtype);
      int inputs = sizes.inputs;
      int outputs = sizes.outputs;
      float[] x = random.normal(sizes.rows * inputs, 1);
      float[] w = random.weights(dtype, (gated ? 2 : 1) * outputs * inputs, 2 / Math.sqrt(inputs));
      float[] bias = random.weights(dtype, outputs, 1);
      float[] before = random.normal(sizes.rows * outputs, 1);
      boolean quantized =
          CudaFloat8Test.quantizes(kernels, weights, sizes.rows, (gated ? 2 : 1) * outputs);
      HostMatrix matrix = Stored.matrix(dtype, w, inputs);
      if (weights == DType.FP8) {
        boolean rounded = !quantized && sizes.rows > CudaStreaming.MOST_ROWS;
        matrix = CudaFloat8Test.quantize(w, inputs);
        w = CudaFloat8Test.values(matrix, rounded ? dtype : DType.FLOAT32);
      }
      float[] multiplied = quantized ? CudaFloat8Test.quantizedRows(x, inputs) : x;
      try (Tensor from = kernels.allocate(sizes.rows, inputs);
          Tensor out = kernels.allocate(outType, sizes.rows, outputs);
          Weight weight = kernels.weight(List.of(matrix));
          Weight added = kernels.weight(List.of(Stored.matrix(dtype, bias, 1)))) {
        kernels.upload(x, from);
        kernels.upload(before, out);
        if (gated) {
          kernels.swiGlu(from, weight, out);
        } else {
          kernels.linear(from, weight, biased ? added : null, activation, out);
        }
        float[] actual = kernels.download(out);
        for (int i = 0; i < actual.length; i++) {
          String wrong =
              gated
                  ? gate(multiplied, w, i, actual[i], outType, quantized)
                  : activate(
                      multiplied,
                      w,
                      biased ? bias : null,
                      before[i],
                      i,
                      actual[i],
                      outType,
                      quantized);
          if (!wrong.isEmpty()) {
            return "%s: element (%d, %d) %s".formatted(this, i / outputs, i % outputs, wrong);
          }
        }
        return "";
      }
    }

    private double dot(float[] x, int row, float[] w, int column, boolean magnitudes) {
      double sum = 0;
      for (int i = 0; i < sizes.inputs; i++) {
        double term = (double) x[row * sizes.inputs + i] * w[column * sizes.inputs + i];
        sum += magnitudes ? Math.abs(term) : term;
      }
      return sum;
    }

    /**
     * What is wrong with an output.
     *
     * @param quantized whether eight-bit floats are multiplied; their sums are rounded to bfloat16
     *     before they are gated, if that is the device's type
     */
    private String gate(
        float[] x, float[] w, int at, float actual, DType outType, boolean quantized) {
      int row = at / sizes.outputs;
      int column = at % sizes.outputs;
      double gate = dot(x, row, w, column, false);
      double up = dot(x, row, w, sizes.outputs + column, false);
      double silu = gate / (1 + Math.exp(-gate));
      double scale =
          dot(x, row, w, column, true) * Math.abs(up)
              + Math.abs(silu) * dot(x, row, w, sizes.outputs + column, true);
      // The slope of silu is 1.1 at most.
      double more =
          quantized && dtype == DType.BFLOAT16
              ? rounding(dtype) * Math.abs(up) * (1.1 * Math.abs(gate) + Math.abs(silu))
              : 0;
      return difference(silu * up, scale, actual, outType, more + lost(quantized, scale));
    }

    private String activate(
        float[] x,
        float[] w,
        float @Nullable [] bias,
        float before,
        int at,
        float actual,
        DType outType,
        boolean quantized) {
      int row = at / sizes.outputs;
      int column = at % sizes.outputs;
      double added = bias == null ? 0 : bias[column];
      double sum = dot(x, row, w, column, false) + added;
      double scale = dot(x, row, w, column, true) + Math.abs(added) + Math.abs(before);
      double value =
          switch (activation) {
            case NONE -> sum;
            case ADD -> before + sum;
            case GELU -> sum * Reference.normal(sum);
            case QUICK_GELU -> sum / (1 + Math.exp(-1.702 * sum));
          };
      return difference(value, scale, actual, outType, lost(quantized, scale));
    }

    /** What a GPU's sums of eight-bit floats, which have fewer bits than float32, may be off by. */
    private static double lost(boolean quantized, double scale) {
      return quantized && TestGpu.isReal() ? 0x1p-8 * scale : 0;
    }

    /** The most that is rounded off a number, relative to itself. */
    private static double rounding(DType type) {
      return switch (type) {
        case FLOAT32 -> 0x1p-24;
        case FLOAT16 -> 0x1p-11;
        case BFLOAT16 -> 0x1p-8;
        case INT8, INT4, FP8 -> throw type.notSingle();
      };
    }

    private static String difference(
        double value, double scale, float actual, DType type, double more) {
      // Sums are float32 in every type; what is stored is rounded once.
      double smallest = type == DType.FLOAT16 ? 0x1p-25 : Float.MIN_NORMAL;
      double allowed = 1e-5 * scale + rounding(type) * Math.abs(value) + smallest + more;
      return Math.abs(actual - value) <= allowed
          ? ""
          : "is %s, not %s ± %.2g".formatted(actual, value, allowed);
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void multipliesSizesOfManyTiles(DType dtype) {
    for (Sizes sizes :
        List.of(
            // Large tiles on a small GPU, small ones, more than a band of row tiles.
            new Sizes(101, 72, 1000),
            new Sizes(70, 200, 131),
            new Sizes(1100, 8, 150),
            // Several panels of streamed rows.
            new Sizes(3, 4296, 21),
            new Sizes(4, 8199, 5))) {
      for (Activation activation : List.of(Activation.GELU, Activation.ADD)) {
        assertThat(new Layer(dtype, sizes, activation, true, false).run(dtype)).isEmpty();
      }
    }
  }

  /**
   * Why cuBLASLt doesn't add residuals by default: an H100 rounded twice, as the emulation does.
   */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void roundsResidualsTwiceWhereTheLibraryAddsThem(DType dtype) {
    assumeFalse(TestGpu.isReal(), "other GPUs and versions may do better");
    TestGpu.prepare();
    CudaOptions options = CudaOptions.defaults().withLibraryAdds(true);
    try (Kernels kernels = TestGpu.open(dtype, options)) {
      Layer layer = new Layer(dtype, new Sizes(101, 72, 1000), Activation.ADD, true, false);
      assertThat(layer.run(kernels, dtype)).contains("element", "±");
      Layer plain = new Layer(dtype, new Sizes(101, 72, 1000), Activation.NONE, true, false);
      assertThat(plain.run(kernels, dtype)).isEmpty();
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void gatesSizesOfManyTiles(DType dtype) {
    for (Sizes sizes :
        List.of(
            new Sizes(101, 72, 500),
            new Sizes(70, 200, 67),
            new Sizes(1100, 8, 70),
            new Sizes(3, 4296, 11),
            new Sizes(4, 8199, 3))) {
      assertThat(new Layer(dtype, sizes, Activation.NONE, false, true).run(dtype)).isEmpty();
    }
  }

  /** Tiles of 128 rows and outputs, more of them than multiprocessors, and their edges. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void gatesOnComputeCapability9(DType dtype) {
    TestGpu.prepare();
    CudaOptions options = CudaOptions.defaults().withHopper(true);
    try (Kernels kernels = TestGpu.open(dtype, options)) {
      for (Sizes sizes :
          List.of(
              new Sizes(5, 8, 2),
              new Sizes(130, 264, 150),
              new Sizes(301, 344, 320),
              new Sizes(1100, 8, 70),
              new Sizes(40, 600, 1026))) {
        assertThat(new Layer(dtype, sizes, Activation.NONE, false, true).run(kernels, dtype))
            .isEmpty();
      }
    }
  }

  /** Tiles of 128 rows and 256 outputs, their edges, each epilogue, and float32 results. */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void multipliesOnComputeCapability9(DType dtype, @TempDir Path folder) {
    List<Sizes> all =
        List.of(new Sizes(5, 8, 3), new Sizes(130, 136, 259), new Sizes(40, 72, 1026));
    multipliesBy(ProductAlgorithm.Hopper.class, dtype, folder, all);
  }

  /**
   * Tiles that two pairs of blocks share, or many, or none, both parts of rows, and edges of all.
   */
  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void sharesWeightsOutEvenlyOnComputeCapability9(DType dtype, @TempDir Path folder) {
    List<Sizes> all =
        List.of(
            new Sizes(5, 8, 3),
            new Sizes(132, 1096, 259),
            new Sizes(80, 264, 1026),
            new Sizes(171, 456, 130),
            new Sizes(301, 1032, 70));
    TestGpu.emulateMultiprocessors(MULTIPROCESSORS);
    multipliesBy(ProductAlgorithm.StreamK.class, dtype, folder, all);
  }

  @ParameterizedTest
  @EnumSource(names = {"FLOAT16", "BFLOAT16"})
  void gatesByWeightsSharedOutEvenly(DType dtype, @TempDir Path folder) {
    AtomicInteger taken = new AtomicInteger();
    TestGpu.emulateMultiprocessors(MULTIPROCESSORS);
    try (Kernels kernels = preferring(ProductAlgorithm.StreamK.class, dtype, folder, taken)) {
      for (Sizes sizes :
          List.of(
              new Sizes(5, 8, 8),
              new Sizes(81, 1096, 136),
              new Sizes(177, 456, 264),
              new Sizes(290, 584, 72))) {
        assertThat(new Layer(dtype, sizes, Activation.NONE, false, true).run(kernels, dtype))
            .isEmpty();
      }
    }
    assertThat(taken.get()).isPositive();
  }

  private static void multipliesBy(
      Class<? extends ProductAlgorithm> kind, DType dtype, Path folder, List<Sizes> all) {
    List<Layer> layers = new ArrayList<>();
    for (Sizes sizes : all) {
      for (Activation activation : Activation.values()) {
        for (boolean biased : new boolean[] {false, true}) {
          layers.add(new Layer(dtype, sizes, activation, biased, false));
        }
      }
    }
    AtomicInteger taken = new AtomicInteger();
    try (Kernels kernels = preferring(kind, dtype, folder, taken)) {
      for (Layer layer : new RandomData(kind + " " + dtype, dtype).fewCases(layers)) {
        assertThat(layer.run(kernels, dtype)).isEmpty();
      }
      for (Sizes sizes : all) {
        Layer wide = new Layer(dtype, sizes, Activation.QUICK_GELU, true, false);
        assertThat(wide.run(kernels, DType.FLOAT32)).isEmpty();
      }
    }
    assertThat(taken.get()).isPositive();
  }

  /** A GPU on which one kind of algorithm seems the fastest; counts how often it is measured. */
  private static Kernels preferring(
      Class<? extends ProductAlgorithm> kind, DType dtype, Path folder, AtomicInteger taken) {
    TestGpu.prepare();
    Stopwatch stopwatch =
        (algorithm, _) -> {
          boolean preferred = kind.isInstance(algorithm);
          taken.addAndGet(preferred ? 1 : 0);
          return preferred ? 1 : 2;
        };
    Tuning tuning = new Tuning.Measured(folder, (_, _, _) -> stopwatch);
    return TestGpu.open(dtype, new CudaOptions(true, true, tuning).withHopper(true));
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void doesNotRoundWhatIsStoredInFloat32(DType dtype) {
    for (Sizes sizes :
        List.of(
            new Sizes(2, 64, 40),
            new Sizes(40, 64, 40),
            new Sizes(40, 64, 33),
            new Sizes(40, 9, 40))) {
      for (Activation activation : Activation.values()) {
        for (boolean biased : new boolean[] {false, true}) {
          assertThat(new Layer(dtype, sizes, activation, biased, false).run(DType.FLOAT32))
              .isEmpty();
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void plansAnewWhatItForgot(DType dtype) {
    TestGpu.prepare();
    try (Kernels kernels = TestGpu.open(dtype)) {
      for (int rows = 5; rows < 600; rows++) {
        Layer layer = new Layer(dtype, new Sizes(rows % 580, 8, 8), Activation.NONE, false, false);
        assertThat(layer.run(kernels, dtype)).isEmpty();
      }
    }
  }
}
