package org.pyramiddrop.bench.speed.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.kernels.DType;

/**
 * Prefill's products: the linear layers of a decoder at the length of its first stage and of its
 * last.
 *
 * <p>One product takes tenths of a second, so each invocation is timed by itself and its median is
 * meaningful. The compiler is done within the first two; five are thrown away. Whether the tile's
 * sums stay in registers is decided when a virtual machine compiles it, hence three of them.
 */
@Warmup(iterations = 5)
@Measurement(iterations = 9)
@Fork(value = 3, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@SuppressWarnings("NullAway.Init")
public class MatrixProductBenchmark extends DeviceBenchmark {
  @Param({"ATTENTION", "UP", "DOWN"})
  Projection projection = Projection.UP;

  @Param({"636", "132"})
  int tokens;

  @Param({"FLOAT32", "FLOAT16", "BFLOAT16"})
  DType dtype = DType.BFLOAT16;

  ProductRun product;

  @Setup
  public void setUp() {
    product = product(projection.product(modelSize(), tokens), dtype, 1, /* seed= */ 1);
  }

  @Benchmark
  public void product() {
    runAndWait();
  }
}
