package org.pyramiddrop.bench.jmh;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.ProductRun;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Tensor;

/**
 * Decode's products: one token through the feed-forward layers of a 7B decoder.
 *
 * <p>At least eight weights of 90 MB take turns, more than four times the last-level cache, so that
 * memory is what is measured. A product takes a few milliseconds: an iteration is half a second of
 * them. Two seconds of warm-up let the compiler and the clock settle; three virtual machines lay
 * the weights out in different pages.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 9, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 3, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class DecodeProductBenchmark {
  private static final int LEAST_WEIGHTS = 8;

  @Param({"1x4096x11008", "1x11008x4096"})
  String shape = "";

  @Param DType dtype = DType.BFLOAT16;

  int threads = Runtime.getRuntime().availableProcessors();

  @SuppressWarnings("NullAway.Init")
  ProductRun run;

  /** Bytes that all weights together are more than. */
  long cached = 4 * Machine.lastLevelCacheBytes();

  /** How many weights of one size it takes. */
  int weights(long bytes) {
    return (int) Math.max(LEAST_WEIGHTS, cached / bytes + 1);
  }

  @Setup
  public void setUp() {
    Product product = Product.parse(shape);
    run = new ProductRun(product, dtype, weights(product.weightBytes(dtype)), threads, 2);
  }

  @Benchmark
  public Tensor product() {
    return run.run();
  }

  @TearDown
  public void tearDown() {
    run.close();
  }
}
