package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a product is put to cuBLASLt: the stub multiplies by what the descriptors say. */
final class MatrixProductTest {
  private static final float POISON = Float.NaN;
  private static final int INVALID_VALUE = 7;
  private static final int NOT_SUPPORTED = 15;
  private static final long SEED = Long.getLong("pyramiddrop.seed", System.nanoTime());

  private StubDriver stub;
  private Context context;
  private CublasLt cublas;
  private CudaStream stream;

  @BeforeEach
  void open() {
    stub = new StubDriver();
    context = Context.open(0);
    cublas = CublasLt.open(context);
    stream = context.stream();
  }

  @AfterEach
  void closeAndCount() {
    context.close();
    assertThat(stub.openHandles()).isZero();
    assertThat(stub.openDescriptors()).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "W, 1, 1, 1, 0, 0, false, false",
    "W, 1, 7, 5, 0, 0, false, false",
    "W, 6, 1, 3, 2, 1, true, false",
    "W, 3, 5, 7, 0, 0, true, true",
    "W, 4, 9, 2, 5, 3, false, true",
    "W, 5, 4, 11, 1, 6, true, true",
    "NONE, 3, 5, 7, 0, 0, false, false",
    "NONE, 4, 9, 2, 5, 3, true, true",
    "X, 3, 5, 7, 0, 0, false, true",
    "X, 4, 9, 2, 5, 3, true, false"
  })
  void productsAreThoseOfRowAfterRowMatrices(
      Transposed transposed,
      int rows,
      int outputs,
      int inputs,
      int xGap,
      int outGap,
      boolean bias,
      boolean accumulate) {
    SplittableRandom random = new SplittableRandom(SEED);
    int xRows = transposed == Transposed.X ? inputs : rows;
    int xColumns = transposed == Transposed.X ? rows : inputs;
    int xStride = xColumns + xGap;
    int outStride = outputs + outGap;
    float[] x = draw(random, xRows * xStride);
    float[] w = draw(random, outputs * inputs);
    float[] b = draw(random, outputs);
    float[] before = draw(random, rows * outStride);
    ProductShape shape =
        new ProductShape(
            transposed,
            rows,
            outputs,
            inputs,
            xStride,
            outStride,
            ElementType.FLOAT32,
            ElementType.FLOAT32,
            bias,
            accumulate,
            16);
    for (int i = 0; i < xRows; i++) {
      for (int k = xColumns; k < xStride; k++) {
        x[i * xStride + k] = POISON;
      }
    }
    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < outStride && !accumulate; j++) {
        before[i * outStride + j] = POISON;
      }
    }
    MemorySegment out = device(before);

    cublas
        .plan(shape)
        .run(stream, device(x).address(), device(w).address(), biasAddress(bias, b), out.address());

    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < outStride; j++) {
        float old = before[i * outStride + j];
        float actual = out.getAtIndex(ValueLayout.JAVA_FLOAT, i * outStride + j);
        if (j >= outputs) {
          assertThat(Float.floatToRawIntBits(actual))
              .as("between rows, %d %d", i, j)
              .isEqualTo(Float.floatToRawIntBits(old));
          continue;
        }
        double expected = (bias ? b[j] : 0) + (accumulate ? old : 0);
        for (int k = 0; k < inputs; k++) {
          double a = transposed == Transposed.X ? x[k * xStride + i] : x[i * xStride + k];
          expected += a * w[transposed == Transposed.W ? j * inputs + k : k * outputs + j];
        }
        assertThat((double) actual)
            .as("%d %d, -Dpyramiddrop.seed=%d", i, j, SEED)
            .isCloseTo(expected, within(1e-5));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1, 4, 16, 0, 0, FLOAT32, false",
    "3, 20, 48, 16, 4, FLOAT32, true",
    "7, 8, 32, 0, 8, BFLOAT16, false",
    "5, 24, 16, 32, 0, BFLOAT16, true"
  })
  void eightBitFloatsAreMultipliedByTheScalesOfTheirRows(
      int rows,
      int outputs,
      int inputs,
      int xGap,
      int outGap,
      ElementType out,
      boolean accumulate) {
    SplittableRandom random = new SplittableRandom(SEED);
    int outStride = outputs + outGap;
    byte[] x = drawFloat8(random, rows * (inputs + xGap));
    byte[] w = drawFloat8(random, outputs * inputs);
    for (int i = 0; i < rows; i++) {
      Arrays.fill(x, i * (inputs + xGap) + inputs, (i + 1) * (inputs + xGap), (byte) 0x7f);
    }
    float[] xScales = drawScales(random, rows);
    float[] wScales = drawScales(random, outputs);
    MemorySegment result = device(new byte[rows * outStride * out.bytes()]);
    for (int at = 0; at < rows * outStride; at++) {
      boolean between = at % outStride >= outputs;
      write(result, out, at, accumulate || between ? (float) random.nextDouble(-1, 1) : POISON);
    }
    float[] before = new float[rows * outStride];
    for (int at = 0; at < before.length; at++) {
      before[at] = read(result, out, at);
    }
    ProductShape shape =
        ProductShape.ofFloat8(rows, outputs, inputs, out).withStrides(inputs + xGap, outStride);

    cublas
        .plan(accumulate ? shape.withAccumulation() : shape)
        .run(
            stream,
            new ScaledMatrix(device(x).address(), device(xScales).address()),
            new ScaledMatrix(device(w).address(), device(wScales).address()),
            result.address());

    for (int i = 0; i < rows; i++) {
      for (int j = 0; j < outStride; j++) {
        int at = i * outStride + j;
        double sum = 0;
        double magnitude = 0;
        for (int k = 0; k < inputs && j < outputs; k++) {
          double term = float8(x[i * (inputs + xGap) + k]) * float8(w[j * inputs + k]);
          sum += term;
          magnitude += Math.abs(term);
        }
        double scale = j < outputs ? (double) xScales[i] * wScales[j] : 0;
        double expected = scale * sum + (accumulate || j >= outputs ? before[at] : 0);
        double rounding = out == ElementType.FLOAT32 ? 0 : Math.abs(expected) * 0x1p-8;
        assertThat((double) read(result, out, at))
            .as("%d %d, -Dpyramiddrop.seed=%d", i, j, SEED)
            .isCloseTo(expected, within(rounding + (scale * magnitude + 1) * 1e-6));
      }
    }
  }

  @Test
  void aPlanKeepsEachRunsScales() {
    MatrixProduct product = cublas.plan(ProductShape.ofFloat8(1, 4, 16, ElementType.FLOAT32));
    MemorySegment out = device(POISON, POISON, POISON, POISON);
    byte[] ones = new byte[4 * 16];
    Arrays.fill(ones, (byte) 0x38);

    for (int i = 1; i <= 3; i++) {
      product.run(
          stream,
          new ScaledMatrix(device(ones).address(), device(i).address()),
          new ScaledMatrix(device(ones).address(), device(1, 2, 3, 4 * i).address()),
          out.address());
      assertThat(out.toArray(ValueLayout.JAVA_FLOAT))
          .containsExactly(16 * i, 32 * i, 48 * i, 64 * i * i);
    }
  }

  @Test
  void scalesAreGivenWhereTheyArePlannedOnly() {
    long at = context.allocate(1024).address();
    ScaledMatrix matrix = new ScaledMatrix(at, at);
    MatrixProduct scaled = cublas.plan(ProductShape.ofFloat8(1, 4, 16, ElementType.FLOAT32));
    MatrixProduct plain = cublas.plan(ProductShape.of(1, 4, 16, ElementType.FLOAT32));

    assertThatThrownBy(() -> scaled.run(stream, at, at, 0, at))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no scales given");
    assertThatThrownBy(() -> plain.run(stream, matrix, matrix, at))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not planned");
  }

  @Test
  void anyAddressOfAScaledProductThatIsLessAlignedIsRefused() {
    MatrixProduct product = cublas.plan(ProductShape.ofFloat8(1, 4, 16, ElementType.FLOAT32));
    long at = context.allocate(1024).address();
    long off = at + 8;
    ScaledMatrix good = new ScaledMatrix(at, at);

    for (ScaledMatrix wrong : List.of(new ScaledMatrix(off, at), new ScaledMatrix(at, off))) {
      refusesAlignment(() -> product.run(stream, wrong, good, at));
      refusesAlignment(() -> product.run(stream, good, wrong, at));
    }
    refusesAlignment(() -> product.run(stream, good, good, off));
  }

  private static void refusesAlignment(ThrowingCallable run) {
    assertThatThrownBy(run)
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no multiple of 16");
  }

  @Test
  void eightBitFloatsNeedCublas12Point9() {
    ProductShape shape = ProductShape.ofFloat8(3, 16, 32, ElementType.BFLOAT16);
    CublasLtAlgorithm algorithm = cublas.algorithms(shape, 1).getFirst();
    int before = stub.openDescriptors();
    try {
      stub.cublasVersion(120900);
      assertThat(cublas.supportsFloat8()).isTrue();
      assertThat(cublas.algorithms(shape, 1)).containsExactly(algorithm);
      stub.cublasVersion(120899);
      assertThat(cublas.supportsFloat8()).isFalse();
      refusesFloat8(shape, algorithm);
      assertThat(cublas.algorithms(ProductShape.of(3, 16, 32, ElementType.BFLOAT16), 1))
          .isNotEmpty();
      assertThat(stub.openDescriptors()).isEqualTo(before);
    } finally {
      stub.cublasVersion(0);
    }
  }

  @Test
  void eightBitFloatsNeedComputeCapability9() {
    ProductShape shape = ProductShape.ofFloat8(3, 16, 32, ElementType.BFLOAT16);
    CublasLtAlgorithm algorithm = cublas.algorithms(shape, 1).getFirst();
    assertThat(cublas.supportsFloat8()).isTrue();
    for (int capability : new int[] {89, 100}) {
      context.close();
      stub.computeCapability(capability);
      context = Context.open(0);
      cublas = CublasLt.open(context);

      assertThat(cublas.supportsFloat8()).isFalse();
      refusesFloat8(shape, algorithm);
    }
  }

  private void refusesFloat8(ProductShape shape, CublasLtAlgorithm algorithm) {
    assertThat(cublas.algorithms(shape, 16)).isEmpty();
    assertThat(cublas.plan(shape, algorithm)).isEmpty();
    assertThatThrownBy(() -> cublas.plan(shape))
        .isInstanceOf(CudaException.class)
        .hasMessageContaining("CUBLAS_STATUS_NOT_SUPPORTED")
        .hasMessageContaining("rows=3, outputs=16, inputs=32");
  }

  @Test
  void eightBitFloatsThatTheLibraryRefusesHaveNoAlgorithm() {
    ProductShape shape = ProductShape.ofFloat8(3, 16, 32, ElementType.BFLOAT16);
    int before = stub.openDescriptors();
    try {
      for (int status : new int[] {INVALID_VALUE, NOT_SUPPORTED}) {
        stub.refuse(status);
        assertThat(cublas.algorithms(shape, 16)).isEmpty();
      }
      stub.refuse(INVALID_VALUE);
      assertThatThrownBy(
              () -> cublas.algorithms(ProductShape.of(3, 16, 32, ElementType.BFLOAT16), 16))
          .as("nothing that is always there is asked in wrong ways")
          .isInstanceOf(CudaException.class);
      assertThat(stub.openDescriptors()).isEqualTo(before);
    } finally {
      stub.refuse(0);
    }
  }

  @Test
  void anAlgorithmMayUseTheWorkspaceTheAlignmentAndFloatSumsOnly() {
    cublas
        .plan(ProductShape.of(3, 5, 7, ElementType.BFLOAT16).withAlignmentOf(2, 16, 0, 32))
        .close();

    assertThat(stub.asked().get(ValueLayout.JAVA_LONG, 0)).isEqualTo(32L << 20);
    assertThat(stub.asked().get(ValueLayout.JAVA_INT, 8)).as("reduction").isEqualTo(2);
    for (int matrix = 0; matrix < 4; matrix++) {
      assertThat(stub.asked().get(ValueLayout.JAVA_INT, 12 + 4 * matrix)).isEqualTo(2);
    }
  }

  @Test
  void aPlanServesManyAddressesAndKeepsEachRunsBias() {
    MatrixProduct product = cublas.plan(ProductShape.of(1, 1, 1, ElementType.FLOAT32).withBias());
    MemorySegment out = device(POISON);

    for (int i = 1; i <= 3; i++) {
      product.run(
          stream,
          device(i).address(),
          device(10).address(),
          device(0.5f * i).address(),
          out.address());
      assertThat(out.get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(10.5f * i);
    }
  }

  @Test
  void anAddressLessAlignedThanPlannedIsRefused() {
    MatrixProduct product = cublas.plan(ProductShape.of(1, 4, 4, ElementType.FLOAT32));
    long memory = context.allocate(256).address();

    assertThatThrownBy(() -> product.run(stream, memory, memory + 4, 0, memory + 64))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no multiple of 16");
  }

  @Test
  void aProductWithoutAnAlgorithmIsNamedAndLeavesNothingBehind() {
    int before = stub.openDescriptors();
    stub.support(false);
    try {
      assertThatThrownBy(() -> cublas.plan(ProductShape.of(3, 5, 7, ElementType.FLOAT16)))
          .isInstanceOf(CudaException.class)
          .hasMessageContaining("CUBLAS_STATUS_NOT_SUPPORTED")
          .hasMessageContaining("rows=3, outputs=5, inputs=7");
    } finally {
      stub.support(true);
    }
    assertThat(stub.openDescriptors()).isEqualTo(before);
  }

  @Test
  void algorithmsAreThoseThatWillDoInTheLibrarysOrder() {
    ProductShape shape = ProductShape.of(2, 3, 4, ElementType.FLOAT32);

    List<CublasLtAlgorithm> algorithms = cublas.algorithms(shape, 16);

    assertThat(algorithms).hasSize(2);
    assertThat(algorithms.getFirst().hex()).startsWith("00").hasSize(128);
    assertThat(algorithms.getLast().hex()).startsWith("02");
    assertThat(cublas.algorithms(shape, 1)).containsExactly(algorithms.getFirst());
    stub.support(false);
    try {
      assertThat(cublas.algorithms(shape, 16)).isEmpty();
    } finally {
      stub.support(true);
    }
  }

  @Test
  void anAlgorithmIsTheSameInItsDigits() {
    ProductShape shape = ProductShape.of(1, 1, 1, ElementType.FLOAT32);
    CublasLtAlgorithm last = cublas.algorithms(shape, 16).getLast();
    MemorySegment out = device(POISON);

    cublas
        .plan(shape, new CublasLtAlgorithm(last.hex()))
        .orElseThrow()
        .run(stream, device(3).address(), device(5).address(), 0, out.address());

    assertThat(out.get(ValueLayout.JAVA_FLOAT, 0)).isEqualTo(15);
    for (String wrong : List.of("", "12", last.hex() + "0", "G" + last.hex().substring(1))) {
      assertThatThrownBy(() -> new CublasLtAlgorithm(wrong))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("128 hexadecimal digits");
    }
  }

  @Test
  void anAlgorithmThatTheLibraryRefusesIsNoPlanAndLeavesNothingBehind() {
    ProductShape shape = ProductShape.of(1, 1, 1, ElementType.FLOAT32);
    CublasLtAlgorithm good = cublas.algorithms(shape, 1).getFirst();
    int before = stub.openDescriptors();

    assertThat(cublas.plan(shape, new CublasLtAlgorithm("12".repeat(64)))).isEmpty();
    stub.wantWorkspace((32L << 20) + 1);
    try {
      assertThat(cublas.plan(shape, good)).as("more workspace than there is").isEmpty();
      stub.wantWorkspace(-1);
      assertThat(cublas.plan(shape, good)).isEmpty();
      assertThat(stub.openDescriptors()).isEqualTo(before);
      stub.wantWorkspace(32L << 20);
      assertThat(cublas.plan(shape, good)).isPresent();
    } finally {
      stub.wantWorkspace(0);
    }
  }

  @Test
  void aPlanEndsWithItsHandle() {
    MatrixProduct product = cublas.plan(ProductShape.of(1, 1, 1, ElementType.FLOAT32));
    cublas.close();

    assertThatThrownBy(() -> product.run(stream, 0, 0, 0, 0))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the cuBLASLt handle is closed");
  }

  private long biasAddress(boolean used, float... values) {
    return used ? device(values).address() : 1;
  }

  /** Numbers on the stub's GPU, which Java can read. */
  private MemorySegment device(float... values) {
    long bytes = values.length * (long) Float.BYTES;
    MemorySegment memory =
        MemorySegment.ofAddress(context.allocate(bytes).address()).reinterpret(bytes);
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_FLOAT, 0, values.length);
    return memory;
  }

  private MemorySegment device(byte... values) {
    MemorySegment memory =
        MemorySegment.ofAddress(context.allocate(values.length).address())
            .reinterpret(values.length);
    return memory.copyFrom(MemorySegment.ofArray(values));
  }

  private static float read(MemorySegment matrix, ElementType type, int at) {
    return type == ElementType.FLOAT32
        ? matrix.getAtIndex(ValueLayout.JAVA_FLOAT, at)
        : Float.intBitsToFloat(matrix.getAtIndex(ValueLayout.JAVA_SHORT, at) << 16);
  }

  private static void write(MemorySegment matrix, ElementType type, int at, float value) {
    if (type == ElementType.FLOAT32) {
      matrix.setAtIndex(ValueLayout.JAVA_FLOAT, at, value);
    } else {
      matrix.setAtIndex(ValueLayout.JAVA_SHORT, at, (short) (Float.floatToRawIntBits(value) >> 16));
    }
  }

  /** What E4M3 means by its bits. */
  private static double float8(byte bits) {
    int exponent = bits >> 3 & 15;
    double magnitude =
        exponent == 0
            ? Math.scalb((double) (bits & 7), -9)
            : Math.scalb(1 + (bits & 7) / 8.0, exponent - 7);
    return bits < 0 ? -magnitude : magnitude;
  }

  /** Any numbers but NaN. */
  private static byte[] drawFloat8(SplittableRandom random, int length) {
    byte[] values = new byte[length];
    for (int i = 0; i < length; i++) {
      values[i] = (byte) (random.nextInt(0x7f) | random.nextInt(2) << 7);
    }
    return values;
  }

  private static float[] drawScales(SplittableRandom random, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) Math.exp(random.nextDouble(-12, -2));
    }
    return values;
  }

  private static float[] draw(SplittableRandom random, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }
}
