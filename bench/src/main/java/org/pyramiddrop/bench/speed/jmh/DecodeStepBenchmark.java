package org.pyramiddrop.bench.speed.jmh;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.KeyValueCache;
import org.pyramiddrop.transformer.engine.NextToken;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * One decode step, head included, through {@value ModelSize#LAYERS} decoder layers behind an image
 * of some tokens and 60 tokens of text; what each layer's cache holds follows from the plan.
 *
 * <p>Weights are 2 GB, so caches don't matter. A step takes a tenth of a second and is timed by
 * itself, each on the same cache. The first steps map the weights' pages and are thrown away; two
 * virtual machines lay the caches out in different pages.
 */
@Warmup(iterations = 10)
@Measurement(iterations = 20)
@SuppressWarnings("NullAway.Init")
public class DecodeStepBenchmark extends DeviceBenchmark {
  private static final int SEED = 5;

  @Param({"72", "576", "2880"})
  int imageTokens;

  @Param PruningChoice plan = PruningChoice.NONE;

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  /** Keys that each layer's cache begins with, rows × key columns; each holds its first rows. */
  float[] keys;

  /** Values, likewise. */
  float[] values;

  /** Of the token that is run. */
  int id;

  Kernels kernels;
  Schedule schedule;
  NextToken next;
  Tensor logits;
  private int[] lengths;

  @Setup
  public void setUp() {
    ModelOnDevice model = model(dtype);
    Decoder decoder = model.engine().decoder();
    TextConfig text = model.config().text();
    Heads heads = new Heads(text.heads(), text.keyValueHeads(), text.headSize());
    kernels = model.kernels();
    schedule = plan.plan().schedule(text.layers());
    int[] images = schedule.counts(imageTokens);
    lengths = IntStream.of(images).map(image -> image + ModelWork.TEXT_TOKENS).toArray();
    id = SEED % decoder.vocabulary();
    keys = RandomNumbers.floats(lengths[0] * heads.keyValueColumns(), SEED);
    values = RandomNumbers.floats(keys.length, SEED + 1);
    KeyValueCache cache =
        own(
            new KeyValueCache(
                kernels,
                heads,
                IntStream.range(0, text.layers()).map(layer -> held(layer) + 1).toArray()));
    for (int layer = 0; layer < text.layers(); layer++) {
      int size = held(layer) * heads.keyValueColumns();
      KeyValueCache.Layer held = cache.layer(layer);
      kernels.upload(Arrays.copyOf(keys, size), held.keys().rows(0, held(layer)));
      kernels.upload(Arrays.copyOf(values, size), held.values().rows(0, held(layer)));
    }
    next = own(new NextToken(kernels, schedule));
    kernels.upload(new int[] {id}, next.id());
    next.moveTo(lengths, 0);
    logits = own(kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary()));
    // It writes the same rows each time.
    prepare(
        kernels, () -> decoder.decode(List.of(new Decoder.Step(next, schedule, cache, logits))));
  }

  @Benchmark
  public void step() {
    runAndWait();
  }

  /** Rows that a layer's cache held before the step. */
  int held(int layer) {
    return lengths[schedule.stageOf(layer)];
  }
}
