package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the emulated cuBLASLt refuses of products of eight-bit floats, as the library does. What
 * they give is {@link CudaFloat8ProductTest}'s.
 */
class EmulatedFloat8Test {
  private static final int FLOAT32 = 0;
  private static final int FLOAT16 = 2;
  private static final int BFLOAT16 = 14;
  private static final int FLOAT8 = 28;

  private static final int COMPUTE_32F = 68;
  private static final int TRANSPOSE_A = 3;
  private static final int TRANSPOSE_B = 4;
  private static final int EPILOGUE = 7;
  private static final int BIAS_POINTER = 8;
  private static final int A_SCALES = 17;
  private static final int B_SCALES = 18;
  private static final int A_SCALE_MODE = 31;
  private static final int B_SCALE_MODE = 32;
  private static final int OUTER_VECTORS = 3;
  private static final int BIAS = 4;
  private static final int WORKSPACE_BYTES = 1;
  private static final int ALIGNMENT_OF_A = 5;

  private static final int INVALID_STATUS = 7;
  private static final int NOT_SUPPORTED = 15;

  /** Of D; of the matrices, columns is the only size that is not a multiple of anything. */
  private static final int ROWS = 32;

  private static final int COLUMNS = 5;
  private static final int INNER = 48;

  private final Deque<Runnable> releases = new ArrayDeque<>();
  private EmulatedGpu gpu;

  @BeforeEach
  void open() {
    gpu = new EmulatedGpu(1);
  }

  @AfterEach
  void close() {
    gpu.hook("emulated_cublas_version", 130100);
    releases.forEach(Runnable::run);
    gpu.close();
  }

  private long create(String of, Object... arguments) {
    long handle = gpu.create(of + "Create", arguments);
    releases.push(() -> gpu.check(of + "Destroy", handle));
    return handle;
  }

  @ParameterizedTest
  @ValueSource(ints = {FLOAT32, FLOAT16, BFLOAT16})
  void takesEachTypeOfD(int type) {
    Product product = new Product(p -> p.d = p.layout(type, ROWS, COLUMNS, ROWS));

    assertThat(product.heuristic()).isZero();
    assertThat(product.check()).isZero();
    assertThat(product.run()).isZero();
    gpu.check("cuStreamSynchronize", gpu.stream());
  }

  @ParameterizedTest
  @CsvSource({"31, 0", "32, 0", "31, 4", "32, 5"})
  void refusesOtherModesOfScales(int attribute, int mode) {
    refuses(p -> p.describe(attribute, mode));
  }

  @ParameterizedTest
  @ValueSource(ints = {A_SCALES, B_SCALES})
  void refusesVectorsWithoutAnAddress(int attribute) {
    refuses(p -> p.point(attribute, 0));
  }

  @ParameterizedTest
  @ValueSource(ints = {A_SCALES, B_SCALES})
  void refusesScalesAtOddAddresses(int attribute) {
    refuses(p -> p.point(attribute, gpu.allocate(4 * ROWS + 4) + 4));
  }

  @Test
  void refusesAnythingButATransposed() {
    refuses(p -> {
      p.describe(TRANSPOSE_A, 0);
      p.a = p.layout(FLOAT8, ROWS, INNER, ROWS);
    });
    refuses(p -> {
      p.describe(TRANSPOSE_B, 1);
      p.b = p.layout(FLOAT8, 16, INNER, 16);
      p.d = p.layout(BFLOAT16, ROWS, 16, ROWS);
    });
  }

  @Test
  void refusesRowsThatAreNoSixteenBytes() {
    refuses(p -> {
      p.a = p.layout(FLOAT8, INNER + 8, ROWS, INNER + 16);
      p.b = p.layout(FLOAT8, INNER + 8, COLUMNS, INNER + 16);
    });
    refuses(p -> p.a = p.layout(FLOAT8, INNER, ROWS, INNER + 8));
    refuses(p -> p.b = p.layout(FLOAT8, INNER, COLUMNS, INNER + 8));
    refuses(p -> p.d = p.layout(BFLOAT16, ROWS, COLUMNS, ROWS + 4));
    refuses(p -> {
      p.a = p.layout(FLOAT8, INNER, ROWS - 4, INNER);
      p.d = p.layout(BFLOAT16, ROWS - 4, COLUMNS, ROWS);
    });
  }

  @Test
  void refusesABias() {
    refuses(p -> {
      p.describe(EPILOGUE, BIAS);
      p.point(BIAS_POINTER, gpu.allocate(4 * ROWS));
    });
  }

  @Test
  void refusesADOfEightBits() {
    refuses(p -> p.d = p.layout(FLOAT8, ROWS, COLUMNS, ROWS));
  }

  @Test
  void refusesABOrACOfAnotherType() {
    Product mixed = new Product(p -> p.b = p.layout(BFLOAT16, INNER, COLUMNS, INNER));
    assertThat(mixed.heuristic()).isEqualTo(INVALID_STATUS);
    Product added = new Product(p -> p.c = p.layout(FLOAT32, ROWS, COLUMNS, ROWS));
    assertThat(added.heuristic()).isEqualTo(INVALID_STATUS);
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 89, 100, 120})
  void refusesOtherGpus(int capability) {
    Product product = new Product(_ -> {});
    assertThat(product.heuristic()).isZero();
    gpu.hook("emulated_compute_capability", capability);
    refuses(product);
  }

  @Test
  void refusesVersionsBefore12Point9() {
    Product product = new Product(_ -> {});
    gpu.hook("emulated_cublas_version", 120900);
    assertThat(product.heuristic()).isZero();
    gpu.hook("emulated_cublas_version", 120899);
    refuses(product);
  }

  @ParameterizedTest
  @ValueSource(ints = {A_SCALE_MODE, B_SCALE_MODE})
  void versionsBefore12Point8KnowNoModes(int attribute) {
    Product product = new Product(_ -> {});
    gpu.hook("emulated_cublas_version", 120799);
    assertThat(product.set(attribute, gpu.host(4), 4)).isEqualTo(INVALID_STATUS);
    gpu.hook("emulated_cublas_version", 120800);
    assertThat(product.set(attribute, gpu.host(4), 4)).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {A_SCALES, B_SCALES, A_SCALE_MODE, B_SCALE_MODE})
  void refusesScalesOfOtherTypes(int attribute) {
    Consumer<Product> plain =
        p -> {
          p.a = p.layout(BFLOAT16, INNER, ROWS, INNER);
          p.b = p.layout(BFLOAT16, INNER, COLUMNS, INNER);
          p.describe(A_SCALE_MODE, 0);
          p.describe(B_SCALE_MODE, 0);
          p.point(A_SCALES, 0);
          p.point(B_SCALES, 0);
        };
    assertThat(new Product(plain).heuristic()).isZero();
    Product product =
        new Product(
            plain.andThen(p -> {
              if (attribute == A_SCALES || attribute == B_SCALES) {
                p.point(attribute, gpu.allocate(4 * ROWS));
              } else {
                p.describe(attribute, OUTER_VECTORS);
              }
            }));
    assertThat(product.heuristic()).isEqualTo(NOT_SUPPORTED);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3})
  void refusesAddressesThatAreNoMultiplesOf16(int matrix) {
    Product asked = new Product(p -> p.prefer(ALIGNMENT_OF_A + matrix, 8));
    assertThat(asked.heuristic()).isEqualTo(NOT_SUPPORTED);

    Product product = new Product(_ -> {});
    assertThat(product.heuristic()).isZero();
    product.addresses[matrix] += 8;
    assertThat(product.run()).isEqualTo(INVALID_STATUS);
  }

  @ParameterizedTest
  @CsvSource({"17, 31", "18, 4"})
  void refusesFewerScalesThanRowsAndColumns(int attribute, int count) {
    Product product = new Product(_ -> {});
    assertThat(product.heuristic()).isZero();
    product.point(attribute, gpu.allocate(4L * count));
    assertThat(product.run()).isEqualTo(INVALID_STATUS);
    product.point(attribute, gpu.allocate(4L * (count + 1)));
    assertThat(product.run()).isZero();
  }

  @ParameterizedTest
  @ValueSource(ints = {A_SCALES, B_SCALES})
  void noticesScalesThatAreGoneWhenAGraphRuns(int attribute) {
    Product product = new Product(_ -> {});
    long scales = gpu.allocate(4 * ROWS);
    product.point(attribute, scales);
    assertThat(product.heuristic()).isZero();
    long workspace = gpu.allocate(1 << 20);
    gpu.check("cuStreamBeginCapture_v2", gpu.stream(), 1);
    assertThat(product.run(workspace)).isZero();
    MemorySegment handle = gpu.host(8);
    gpu.check("cuStreamEndCapture", gpu.stream(), handle);
    long graph = handle.get(ValueLayout.JAVA_LONG, 0);
    long executable = gpu.create("cuGraphInstantiateWithFlags", graph, 0L);
    gpu.check("cuGraphLaunch", executable, gpu.stream());
    gpu.check("cuStreamSynchronize", gpu.stream());

    gpu.check("cuMemFree_v2", scales);
    gpu.call("cuGraphLaunch", executable, gpu.stream());
    assertThat(gpu.call("cuStreamSynchronize", gpu.stream()))
        .isEqualTo(EmulatedGpu.ILLEGAL_ADDRESS);
  }

  /** A product that would do but for one change is refused wherever it is asked for. */
  private void refuses(Consumer<Product> change) {
    Product good = new Product(_ -> {});
    assertThat(good.heuristic()).isZero();
    Product product = new Product(change);
    product.answer.copyFrom(good.answer);
    refuses(product);
  }

  private static void refuses(Product product) {
    assertThat(product.check()).isEqualTo(NOT_SUPPORTED);
    assertThat(product.run()).isEqualTo(NOT_SUPPORTED);
    assertThat(product.heuristic()).isEqualTo(NOT_SUPPORTED);
  }

  /** A product that the library does, until something is changed. */
  private final class Product {
    private final long handle = create("cublasLt");
    private final long description = create("cublasLtMatmulDesc", COMPUTE_32F, FLOAT32);
    private final long preference = create("cublasLtMatmulPreference");
    private final MemorySegment answer = gpu.host(96);
    private final long[] addresses = new long[4];
    private long a = layout(FLOAT8, INNER, ROWS, INNER);
    private long b = layout(FLOAT8, INNER, COLUMNS, INNER);
    private long c;
    private long d = layout(BFLOAT16, ROWS, COLUMNS, ROWS);

    Product(Consumer<Product> change) {
      describe(TRANSPOSE_A, 1);
      describe(A_SCALE_MODE, OUTER_VECTORS);
      describe(B_SCALE_MODE, OUTER_VECTORS);
      point(A_SCALES, gpu.allocate(4 * ROWS));
      point(B_SCALES, gpu.allocate(4 * COLUMNS));
      MemorySegment bytes = gpu.host(8);
      bytes.set(ValueLayout.JAVA_LONG, 0, 1 << 20);
      gpu.check("cublasLtMatmulPreferenceSetAttribute", preference, WORKSPACE_BYTES, bytes, 8L);
      for (int matrix = 0; matrix < addresses.length; matrix++) {
        prefer(ALIGNMENT_OF_A + matrix, 16);
        // Large enough for each of the matrices in any of the types.
        addresses[matrix] = gpu.allocate(1 << 14);
        gpu.check("cuMemsetD8Async", addresses[matrix], (byte) 0, 1L << 14, gpu.stream());
      }
      change.accept(this);
      c = c == 0 ? d : c;
    }

    long layout(int type, long rows, long columns, long leading) {
      return create("cublasLtMatrixLayout", type, rows, columns, leading);
    }

    void describe(int attribute, int value) {
      MemorySegment number = gpu.host(4);
      number.set(ValueLayout.JAVA_INT, 0, value);
      assertThat(set(attribute, number, 4)).isZero();
    }

    void point(int attribute, long address) {
      MemorySegment number = gpu.host(8);
      number.set(ValueLayout.JAVA_LONG, 0, address);
      assertThat(set(attribute, number, 8)).isZero();
    }

    int set(int attribute, MemorySegment value, long bytes) {
      return gpu.call("cublasLtMatmulDescSetAttribute", description, attribute, value, bytes);
    }

    void prefer(int attribute, int value) {
      MemorySegment number = gpu.host(4);
      number.set(ValueLayout.JAVA_INT, 0, value);
      gpu.check("cublasLtMatmulPreferenceSetAttribute", preference, attribute, number, 4L);
    }

    int heuristic() {
      return gpu.call(
          "cublasLtMatmulAlgoGetHeuristic",
          handle,
          description,
          a,
          b,
          c,
          d,
          preference,
          1,
          answer,
          gpu.host(4));
    }

    int check() {
      return gpu.call(
          "cublasLtMatmulAlgoCheck", handle, description, a, b, c, d, answer, gpu.host(96));
    }

    int run() {
      return run(gpu.allocate(1 << 20));
    }

    int run(long workspace) {
      MemorySegment one = gpu.host(4);
      one.set(ValueLayout.JAVA_FLOAT, 0, 1);
      return gpu.call(
          "cublasLtMatmul",
          handle,
          description,
          one,
          addresses[0],
          a,
          addresses[1],
          b,
          one,
          addresses[2],
          c,
          addresses[3],
          d,
          answer,
          workspace,
          1L << 20,
          gpu.stream());
    }
  }
}
