package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;

class ProductBenchmarksTest {
  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void multipliesByTheWeightItDrew(DType dtype) {
    for (Projection projection : Projection.values()) {
      MatrixProductBenchmark benchmark = BenchmarkRun.tiny(new MatrixProductBenchmark());
      benchmark.projection = projection;
      benchmark.tokens = 7;
      benchmark.dtype = dtype;
      benchmark.setUp();
      for (int i = 0; i < 2; i++) {
        benchmark.product();
        assertProduct(benchmark.product, 0);
      }
      benchmark.tearDown();
    }
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void decodesWithOneWeightAfterTheOther(DType dtype) {
    for (Projection projection : List.of(Projection.UP, Projection.DOWN, Projection.HEAD)) {
      DecodeProductBenchmark benchmark = BenchmarkRun.tiny(new DecodeProductBenchmark());
      benchmark.projection = projection;
      benchmark.cached = 0;
      benchmark.dtype = dtype;
      benchmark.setUp();
      for (int i = 0; i < 10; i++) {
        benchmark.product();
        assertProduct(benchmark.product, i % 2);
      }
      benchmark.tearDown();
    }
  }

  @Test
  void decodesOverMoreMemoryThanIsCached() {
    long bytes = Projection.UP.product(ModelSize.LLAVA_7B, 1).weightBytes(DType.BFLOAT16);
    assertThat(bytes).isEqualTo(90_177_536);
    DecodeProductBenchmark benchmark = new DecodeProductBenchmark();
    assertThat(benchmark.cached)
        .isGreaterThanOrEqualTo(4 * Machine.lastLevelCacheBytes())
        .isGreaterThanOrEqualTo(700_000_000);
    for (long cached : new long[] {1 << 20, 1L << 30, 1L << 32}) {
      benchmark.cached = cached;
      assertThat(benchmark.turns(bytes) * bytes).isGreaterThan(cached);
      assertThat(benchmark.turns(bytes)).isGreaterThanOrEqualTo(2);
    }
  }

  @Test
  void countsTwoOperationsForEachMultiplyAdd() {
    assertThat(new Product(3, 5, 7).flops()).isEqualTo(210);
  }

  @Test
  void refusesAShapeThatIsNone() {
    assertThatThrownBy(() -> new Product(636, 0, 11008))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("at least 1, not 636, 0 and 11008");
  }

  private static void assertProduct(ProductRun run, int weight) {
    Product p = run.product();
    float[] x = run.activations();
    HostMatrix matrix = run.weight(weight);
    double[] w = Reference.doubles(matrix.dtype(), matrix.data());
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
}
