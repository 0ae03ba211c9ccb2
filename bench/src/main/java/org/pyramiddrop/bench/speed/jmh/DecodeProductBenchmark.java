package org.pyramiddrop.bench.speed.jmh;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.speed.Product;
import org.pyramiddrop.bench.speed.ProductRun;
import org.pyramiddrop.kernels.DType;

/**
 * Decode's products: one token through the feed-forward layers and the output head of a decoder.
 *
 * <p>Two weights or more take turns, together more than 700 MB and four times the last-level cache,
 * so that memory is what is measured. A product takes a few milliseconds: an iteration is half a
 * second of them. Two seconds of warm-up let the compiler and the clock settle; three virtual
 * machines lay the weights out in different pages.
 */
@BenchmarkMode(Mode.AverageTime)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 9, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 3, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
@SuppressWarnings("NullAway.Init")
public class DecodeProductBenchmark extends DeviceBenchmark {
  private static final long LEAST_BYTES = 700_000_000;

  @Param({"UP", "DOWN", "HEAD"})
  Projection projection = Projection.UP;

  @Param({"FLOAT32", "FLOAT16", "BFLOAT16"})
  DType dtype = DType.BFLOAT16;

  ProductRun product;

  /** Asks for more memory than other benchmarks take turns in. */
  public DecodeProductBenchmark() {
    cached = Math.max(cached, LEAST_BYTES);
  }

  @Override
  int turns(long bytes) {
    return Math.max(2, super.turns(bytes));
  }

  @Setup
  public void setUp() {
    Product one = projection.product(modelSize(), 1);
    product = product(one, dtype, turns(one.weightBytes(dtype)), /* seed= */ 2);
  }

  @Benchmark
  public void product() {
    runAndWait();
  }
}
