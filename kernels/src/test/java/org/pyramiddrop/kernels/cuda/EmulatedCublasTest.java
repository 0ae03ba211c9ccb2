package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The emulated cuBLASLt against sums in double; matrices are column-major. */
class EmulatedCublasTest {
  private static final int FLOAT32 = 0;
  private static final int FLOAT16 = 2;
  private static final int BFLOAT16 = 14;

  private static final int COMPUTE_32F = 68;
  private static final int TRANSPOSE_A = 3;
  private static final int TRANSPOSE_B = 4;
  private static final int EPILOGUE = 7;
  private static final int BIAS_POINTER = 8;
  private static final int BIAS = 4;
  private static final int WORKSPACE_BYTES = 1;
  private static final int REDUCTION_SCHEMES = 3;
  private static final int ALIGNMENT_OF_A = 5;

  /** Parts of a sum may be added up in float32. */
  private static final int FLOAT32_PARTS = 2;

  private static final int INVALID_STATUS = 7;
  private static final int NOT_SUPPORTED = 15;

  private static final int ANSWER_BYTES = 96;
  private static final int ALGORITHM_BYTES = 64;
  private static final int MOST_ANSWERS = 16;

  @ParameterizedTest
  @ValueSource(ints = {FLOAT32, FLOAT16, BFLOAT16})
  void multipliesAnyShapeLayoutAndEpilogue(int type) {
    Random random = new Random();
    for (int i = 0; i < 40; i++) {
      long seed = random.nextLong();
      check(new Case(type, new Random(seed)), seed);
    }
  }

  @Test
  void refusesMatricesThatDoNotFitTogether() {
    Random random = new Random(1);
    try (EmulatedGpu gpu = new EmulatedGpu(1);
        Product product = new Product(gpu, new Case(FLOAT32, random))) {
      product.b = product.layout(FLOAT32, 1000, 1000, 1000);
      assertThat(product.heuristic()).isEqualTo(INVALID_STATUS);
    }
  }

  @Test
  void refusesAddressesOfALesserAlignmentThanAsked() {
    try (EmulatedGpu gpu = new EmulatedGpu(1);
        Product product = new Product(gpu, new Case(FLOAT32, new Random(1)))) {
      product.prefer(ALIGNMENT_OF_A, 256);
      assertThat(product.heuristic()).isZero();
      assertThat(product.run(4)).isEqualTo(INVALID_STATUS);
      assertThat(product.run(0)).isZero();
    }
  }

  @Test
  void offersAlgorithmsOfManyKindsAndSplitsSumsOnlyWhereAllowed() {
    try (EmulatedGpu gpu = new EmulatedGpu(1);
        Product product = new Product(gpu, new Case(FLOAT32, new Random(1)))) {
      assertThat(product.heuristic()).isZero();
      int whole = product.answered;
      product.prefer(REDUCTION_SCHEMES, FLOAT32_PARTS);
      assertThat(product.heuristic()).isZero();
      assertThat(product.answered).isGreaterThan(whole);
      for (int i = 1; i < product.answered; i++) {
        assertThat(product.algorithm(i).mismatch(product.algorithm(0))).isNotEqualTo(-1);
      }
    }
  }

  @Test
  void refusesBytesThatAreNoAlgorithmAndAlgorithmsOfAnotherType() {
    try (EmulatedGpu gpu = new EmulatedGpu(1);
        Product product = new Product(gpu, new Case(FLOAT32, new Random(1)));
        Product other = new Product(gpu, new Case(BFLOAT16, new Random(1)))) {
      assertThat(product.heuristic()).isZero();
      assertThat(other.heuristic()).isZero();
      assertThat(product.check()).isZero();
      product.algorithm(0).copyFrom(other.algorithm(0));
      assertThat(product.check()).isEqualTo(NOT_SUPPORTED);
      assertThat(product.run(0)).isNotZero();
      product.algorithm(0).fill((byte) 0x12);
      assertThat(product.check()).isEqualTo(NOT_SUPPORTED);
      assertThat(product.run(0)).isEqualTo(INVALID_STATUS);
    }
  }

  @Test
  void failsWithTheAlgorithmThatATestNames() {
    try (EmulatedGpu gpu = new EmulatedGpu(1);
        Product product = new Product(gpu, new Case(FLOAT32, new Random(1)))) {
      assertThat(product.heuristic()).isZero();
      TestGpu.hook("emulated_cublas_fail", 1);
      product.begin(1);
      assertThat(product.check()).isZero();
      assertThat(product.run(0)).isEqualTo(NOT_SUPPORTED);
      product.begin(0);
      assertThat(product.run(0)).isZero();
    } finally {
      TestGpu.hook("emulated_cublas_fail", -1);
    }
  }

  @Test
  void countsWhatWasNotGivenBack() {
    try (EmulatedGpu gpu = new EmulatedGpu(1)) {
      long before = gpu.count("emulated_cublas_live_handles");
      try (Product product = new Product(gpu, new Case(FLOAT32, new Random(1)))) {
        assertThat(product.heuristic()).isZero();
        assertThat(gpu.count("emulated_cublas_live_handles")).isEqualTo(before + 6);
      }
      assertThat(gpu.count("emulated_cublas_live_handles")).isEqualTo(before);
    }
  }

  private static void check(Case shape, long seed) {
    try (EmulatedGpu gpu = new EmulatedGpu(seed);
        Product product = new Product(gpu, shape)) {
      product.prefer(REDUCTION_SCHEMES, FLOAT32_PARTS);
      assertThat(product.heuristic()).isZero();
      for (int answer = 0; answer < product.answered; answer++) {
        product.begin(answer);
        assertThat(product.check()).isZero();
        assertThat(product.run(0)).isZero();
        check(shape, product.d(), seed);
      }
    }
  }

  private static void check(Case shape, float[] d, long seed) {
    for (int j = 0; j < shape.columns; j++) {
      for (int i = 0; i < shape.dLeading; i++) {
        int at = i + j * shape.dLeading;
        if (i >= shape.rows) {
          assertThat(d[at]).as("seed %d, behind column %d", seed, j).isEqualTo(shape.c[at]);
          continue;
        }
        double sum = 0;
        for (int k = 0; k < shape.inner; k++) {
          sum +=
              (double) shape.a[shape.transposeA ? k + i * shape.aLeading : i + k * shape.aLeading]
                  * shape.b[shape.transposeB ? j + k * shape.bLeading : k + j * shape.bLeading];
        }
        double product = shape.alpha * sum;
        sum = product + shape.beta * shape.c[at] + (shape.bias ? shape.biases[i] : 0);
        double rounding =
            shape.type == FLOAT32 ? 0x1p-23 : shape.type == FLOAT16 ? 0x1p-10 : 0x1p-7;
        assertThat((double) d[at])
            .as("seed %d, row %d, column %d", seed, i, j)
            .isCloseTo(
                sum, within(rounding * (Math.abs(sum) + shape.beta * Math.abs(product)) + 1e-6));
      }
    }
  }

  /** Shapes, and numbers that every type holds exactly. */
  private static final class Case {
    private final int type;
    private final int rows;
    private final int columns;
    private final int inner;
    private final boolean transposeA;
    private final boolean transposeB;
    private final boolean bias;
    private final int aLeading;
    private final int bLeading;
    private final int dLeading;
    private final float alpha;
    private final float beta;
    private final float[] a;
    private final float[] b;
    private final float[] c;
    private final float[] biases;

    Case(int type, Random random) {
      this.type = type;
      rows = 1 + random.nextInt(20);
      columns = 1 + random.nextInt(20);
      inner = 1 + random.nextInt(40);
      transposeA = random.nextBoolean();
      transposeB = random.nextBoolean();
      bias = random.nextBoolean();
      aLeading = (transposeA ? inner : rows) + random.nextInt(4);
      bLeading = (transposeB ? columns : inner) + random.nextInt(4);
      dLeading = rows + random.nextInt(4);
      alpha = random.nextInt(3) + 1;
      beta = random.nextInt(2);
      a = random(random, aLeading * (transposeA ? rows : inner));
      b = random(random, bLeading * (transposeB ? inner : columns));
      c = random(random, dLeading * columns);
      biases = random(random, rows);
    }

    private static float[] random(Random random, int count) {
      float[] numbers = new float[count];
      for (int i = 0; i < count; i++) {
        numbers[i] = (random.nextInt(31) - 15) / 8f;
      }
      return numbers;
    }
  }

  /** A case's descriptors and its matrices in device memory. */
  private static final class Product implements AutoCloseable {
    private final EmulatedGpu gpu;
    private final Case shape;
    private final long handle;
    private final long description;
    private final long preference;
    private final long a;
    private final long c;
    private long b;
    private final long aAddress;
    private final long bAddress;
    private final long dAddress;
    private final MemorySegment answers;
    private int answered;
    private int chosen;

    Product(EmulatedGpu gpu, Case shape) {
      this.gpu = gpu;
      this.shape = shape;
      handle = gpu.create("cublasLtCreate");
      description = gpu.create("cublasLtMatmulDescCreate", COMPUTE_32F, FLOAT32);
      describe(TRANSPOSE_A, shape.transposeA ? 1 : 0);
      describe(TRANSPOSE_B, shape.transposeB ? 1 : 0);
      if (shape.bias) {
        describe(EPILOGUE, BIAS);
        MemorySegment address = gpu.host(8);
        address.set(ValueLayout.JAVA_LONG, 0, upload(shape.biases));
        gpu.check("cublasLtMatmulDescSetAttribute", description, BIAS_POINTER, address, 8L);
      }
      preference = gpu.create("cublasLtMatmulPreferenceCreate");
      MemorySegment bytes = gpu.host(8);
      bytes.set(ValueLayout.JAVA_LONG, 0, 1 << 20);
      gpu.check("cublasLtMatmulPreferenceSetAttribute", preference, WORKSPACE_BYTES, bytes, 8L);
      for (int matrix = 0; matrix < 4; matrix++) {
        prefer(ALIGNMENT_OF_A + matrix, 4);
      }
      a =
          layout(
              shape.type,
              shape.transposeA ? shape.inner : shape.rows,
              shape.transposeA ? shape.rows : shape.inner,
              shape.aLeading);
      b =
          layout(
              shape.type,
              shape.transposeB ? shape.columns : shape.inner,
              shape.transposeB ? shape.inner : shape.columns,
              shape.bLeading);
      c = layout(shape.type, shape.rows, shape.columns, shape.dLeading);
      aAddress = upload(shape.a);
      bAddress = upload(shape.b);
      dAddress = upload(shape.c);
      answers = gpu.host(MOST_ANSWERS * ANSWER_BYTES);
    }

    long layout(int type, long rows, long columns, long leading) {
      return gpu.create("cublasLtMatrixLayoutCreate", type, rows, columns, leading);
    }

    void prefer(int attribute, int value) {
      gpu.check("cublasLtMatmulPreferenceSetAttribute", preference, attribute, of(value), 4L);
    }

    private void describe(int attribute, int value) {
      gpu.check("cublasLtMatmulDescSetAttribute", description, attribute, of(value), 4L);
    }

    private MemorySegment of(int value) {
      MemorySegment segment = gpu.host(4);
      segment.set(ValueLayout.JAVA_INT, 0, value);
      return segment;
    }

    int heuristic() {
      MemorySegment count = gpu.host(4);
      int status =
          gpu.call(
              "cublasLtMatmulAlgoGetHeuristic",
              handle,
              description,
              a,
              b,
              c,
              c,
              preference,
              MOST_ANSWERS,
              answers,
              count);
      answered = count.get(ValueLayout.JAVA_INT, 0);
      return status;
    }

    MemorySegment algorithm(int answer) {
      return answers.asSlice((long) answer * ANSWER_BYTES, ALGORITHM_BYTES);
    }

    /** Takes one of the heuristic's answers, and D as it was at first. */
    void begin(int answer) {
      chosen = answer;
      upload(shape.c, dAddress);
    }

    int check() {
      MemorySegment result = gpu.host(ANSWER_BYTES);
      return gpu.call(
          "cublasLtMatmulAlgoCheck", handle, description, a, b, c, c, algorithm(chosen), result);
    }

    int run(long aOffset) {
      MemorySegment alpha = gpu.host(4);
      alpha.set(ValueLayout.JAVA_FLOAT, 0, shape.alpha);
      MemorySegment beta = gpu.host(4);
      beta.set(ValueLayout.JAVA_FLOAT, 0, shape.beta);
      return gpu.call(
          "cublasLtMatmul",
          handle,
          description,
          alpha,
          aAddress + aOffset,
          a,
          bAddress,
          b,
          beta,
          dAddress,
          c,
          dAddress,
          c,
          algorithm(chosen),
          gpu.allocate(1 << 20),
          1L << 20,
          gpu.stream());
    }

    private long upload(float[] numbers) {
      long address = gpu.allocate((shape.type == FLOAT32 ? 4L : 2L) * numbers.length);
      upload(numbers, address);
      return address;
    }

    private void upload(float[] numbers, long address) {
      int size = shape.type == FLOAT32 ? 4 : 2;
      MemorySegment from = gpu.host((long) size * numbers.length);
      for (int i = 0; i < numbers.length; i++) {
        switch (shape.type) {
          case FLOAT32 -> from.setAtIndex(ValueLayout.JAVA_FLOAT, i, numbers[i]);
          case FLOAT16 ->
              from.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(numbers[i]));
          default ->
              from.setAtIndex(
                  ValueLayout.JAVA_SHORT, i, (short) (Float.floatToIntBits(numbers[i]) >> 16));
        }
      }
      gpu.check("cuMemcpyHtoDAsync_v2", address, from, from.byteSize(), gpu.stream());
    }

    float[] d() {
      int size = shape.type == FLOAT32 ? 4 : 2;
      MemorySegment to = gpu.host((long) size * shape.c.length);
      gpu.check("cuMemcpyDtoHAsync_v2", to, dAddress, to.byteSize(), gpu.stream());
      gpu.check("cuStreamSynchronize", gpu.stream());
      float[] numbers = new float[shape.c.length];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] =
            switch (shape.type) {
              case FLOAT32 -> to.getAtIndex(ValueLayout.JAVA_FLOAT, i);
              case FLOAT16 -> Float.float16ToFloat(to.getAtIndex(ValueLayout.JAVA_SHORT, i));
              default -> Float.intBitsToFloat(to.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16);
            };
      }
      return numbers;
    }

    @Override
    public void close() {
      gpu.check("cublasLtMatmulPreferenceDestroy", preference);
      gpu.check("cublasLtMatrixLayoutDestroy", a);
      gpu.check("cublasLtMatrixLayoutDestroy", b);
      gpu.check("cublasLtMatrixLayoutDestroy", c);
      gpu.check("cublasLtMatmulDescDestroy", description);
      gpu.check("cublasLtDestroy", handle);
    }
  }
}
