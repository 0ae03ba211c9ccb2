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
import org.pyramiddrop.bench.ModelWork;
import org.pyramiddrop.transformer.StandaloneDecoder;
import org.pyramiddrop.transformer.WeightType;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What a layer of a 7B decoder costs at each stage of the pyramid, for a picture of 576 tokens and
 * 60 tokens of text: a layer inside the stage, and the one that ends it, which ranks the picture's
 * tokens and runs on for half of them.
 *
 * <p>A layer takes a second, so each invocation is timed by itself, on a fresh prompt. Four warm-up
 * runs, because the first has the weights' pages to map; two virtual machines, as in {@link
 * MatrixProductBenchmark}.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 4)
@Measurement(iterations = 9)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class DecoderLayerBenchmark {
  @Param({"576", "288", "144", "72"})
  int imageTokens;

  int threads = Runtime.getRuntime().availableProcessors();

  @SuppressWarnings("NullAway.Init")
  private StandaloneDecoder decoder;

  @SuppressWarnings("NullAway.Init")
  private StandaloneDecoder.RandomPrompt prompt;

  @SuppressWarnings("NullAway.Init")
  private StandaloneDecoder.Prefill whole;

  @SuppressWarnings("NullAway.Init")
  private StandaloneDecoder.Prefill halved;

  @Setup
  public void open() {
    decoder =
        StandaloneDecoder.open(BenchFolder.decoder(BenchFolder.LAYERS), WeightType.AUTO, threads);
    prompt = decoder.prompt(ModelWork.prompt(imageTokens), 4);
  }

  @Setup(Level.Invocation)
  public void start() {
    whole = prompt.start(PruningPlan.none());
    halved = prompt.start(ModelWork.HALVE);
  }

  @Benchmark
  public StandaloneDecoder.Prefill insideStage() {
    whole.run(1);
    return whole;
  }

  @Benchmark
  public StandaloneDecoder.Prefill endOfStage() {
    halved.run(1);
    return halved;
  }

  @TearDown(Level.Invocation)
  public void end() {
    whole.close();
    halved.close();
  }

  @TearDown
  public void close() {
    prompt.close();
    decoder.close();
  }
}
