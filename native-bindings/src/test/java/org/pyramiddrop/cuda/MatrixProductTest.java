package org.pyramiddrop.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a product is put to cuBLASLt: the stub multiplies by what the descriptors say. */
final class MatrixProductTest {
  private static final float POISON = Float.NaN;
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

  private static float[] draw(SplittableRandom random, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextDouble(-1, 1);
    }
    return values;
  }
}
