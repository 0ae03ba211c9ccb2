package org.pyramiddrop.bench.jmh;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.transformer.StandaloneDecoder;
import org.pyramiddrop.transformer.WeightType;

/**
 * One decode step, head included, through {@value BenchFolder#LAYERS} layers of a 7B decoder with
 * some tokens in the cache of each: the lengths of the pyramid's stages, and a long conversation's.
 *
 * <p>Weights are 2 GB, so caches don't matter. A step takes a tenth of a second and is timed by
 * itself, on a cache of exactly the stated length. The first steps map the weights' pages and are
 * thrown away.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 10)
@Measurement(iterations = 20)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class DecodeStepBenchmark {
  @Param({"132", "348", "636", "2048"})
  int cached;

  int threads = Runtime.getRuntime().availableProcessors();

  @SuppressWarnings("NullAway.Init")
  private StandaloneDecoder decoder;

  @SuppressWarnings("NullAway.Init")
  private StandaloneDecoder.Decoding decoding;

  @Setup
  public void open() {
    decoder =
        StandaloneDecoder.open(BenchFolder.decoder(BenchFolder.LAYERS), WeightType.AUTO, threads);
  }

  @Setup(Level.Invocation)
  public void start() {
    decoding = decoder.decoding(cached, 1, 5);
  }

  @Benchmark
  public float[] step() {
    return decoding.step();
  }

  @TearDown(Level.Invocation)
  public void end() {
    decoding.close();
  }

  @TearDown
  public void close() {
    decoder.close();
  }
}
