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
import org.pyramiddrop.bench.Product;
import org.pyramiddrop.bench.ProductRun;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Tensor;

/**
 * Prefill's products: the linear layers of a 7B decoder at the length of its first stage and of its
 * last.
 *
 * <p>One product takes tenths of a second, so each invocation is timed by itself and its median is
 * meaningful. The compiler is done within the first two; five are thrown away. Whether the tile's
 * sums stay in registers is decided when a virtual machine compiles it, hence three of them.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5)
@Measurement(iterations = 9)
@Fork(value = 3, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class MatrixProductBenchmark {
  @Param({
    "636x4096x11008", "636x4096x4096", "636x11008x4096",
    "132x4096x11008", "132x4096x4096", "132x11008x4096"
  })
  String shape = "";

  @Param DType dtype = DType.BFLOAT16;

  int threads = Runtime.getRuntime().availableProcessors();

  @SuppressWarnings("NullAway.Init")
  ProductRun run;

  @Setup
  public void setUp() {
    run = new ProductRun(Product.parse(shape), dtype, 1, threads, 1);
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
