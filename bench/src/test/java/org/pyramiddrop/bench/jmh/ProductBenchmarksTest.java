package org.pyramiddrop.bench.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.ProductRun;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;

class ProductBenchmarksTest {
  @ParameterizedTest
  @EnumSource
  void multipliesByTheWeightItDrew(DType dtype) {
    MatrixProductBenchmark benchmark = new MatrixProductBenchmark();
    benchmark.shape = "7x37x53";
    benchmark.dtype = dtype;
    benchmark.setUp();
    benchmark.product();
    assertProduct(benchmark.run, 0);
    benchmark.tearDown();
  }

  @ParameterizedTest
  @EnumSource
  void decodesWithOneWeightAfterTheOther(DType dtype) {
    DecodeProductBenchmark benchmark = new DecodeProductBenchmark();
    benchmark.shape = "1x33x19";
    benchmark.cached = 0;
    benchmark.dtype = dtype;
    benchmark.setUp();
    for (int i = 0; i < 10; i++) {
      benchmark.product();
      assertProduct(benchmark.run, i % 8);
    }
    benchmark.tearDown();
  }

  @Test
  void decodesOverMoreMemoryThanFourCaches() {
    long bytes = new Product(1, 4096, 11008).weightBytes(DType.BFLOAT16);
    assertThat(bytes).isEqualTo(90_177_536);
    for (long cache : new long[] {1 << 20, 32 << 20, 1L << 30}) {
      DecodeProductBenchmark benchmark = new DecodeProductBenchmark();
      benchmark.cached = 4 * cache;
      assertThat(benchmark.weights(bytes) * bytes).isGreaterThan(4 * cache);
      assertThat(benchmark.weights(bytes)).isGreaterThanOrEqualTo(8);
    }
  }

  @Test
  void countsTwoOperationsForEachMultiplyAdd() {
    assertThat(Product.parse("3x5x7").flops()).isEqualTo(210);
  }

  @Test
  void refusesAShapeThatIsNone() {
    assertThatThrownBy(() -> Product.parse("636x4096"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("636x4096x11008");
  }

  private static void assertProduct(ProductRun run, int weight) {
    Product p = run.product();
    float[] x = run.activations();
    double[] w = doubles(run.weight(weight));
    float[] actual = run.output();
    assertThat(actual).hasSize(p.tokens() * p.outputs());
    for (int i = 0; i < actual.length; i++) {
      int token = i / p.outputs();
      int output = i % p.outputs();
      double sum =
          IntStream.range(0, p.inputs())
              .mapToDouble(c -> x[token * p.inputs() + c] * w[output * p.inputs() + c])
              .sum();
      assertThat((double) actual[i]).as("element %d", i).isCloseTo(sum, within(1e-5));
    }
  }

  private static double[] doubles(HostMatrix matrix) {
    MemorySegment data = matrix.data();
    return IntStream.range(0, matrix.rows() * matrix.columns())
        .mapToDouble(i ->
            switch (matrix.dtype()) {
              case FLOAT32 ->
                  data.get(ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN), 4L * i);
              case FLOAT16 -> Float.float16ToFloat(half(data, i));
              case BFLOAT16 -> Float.intBitsToFloat(half(data, i) << 16);
            })
        .toArray();
  }

  private static short half(MemorySegment data, int i) {
    return data.get(ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN), 2L * i);
  }
}
