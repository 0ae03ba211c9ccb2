package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Benchmarks of a decoder's parts compute what they say, each time anew. */
@ExtendWith(FreshBenchFolder.class)
class ModelBenchmarksTest {
  private static final int TEXT_BEFORE = ModelWork.TEXT_TOKENS / 2;
  private static final double BOUND = 2e-5;

  private static DecoderReference reference() {
    return new DecoderReference(BenchmarkRun.checkpoint(), ModelSize.TINY.shape());
  }

  /** What the token is rotated by in a layer. */
  private static int position(DecodeStepBenchmark benchmark, int layer) {
    return benchmark
        .kernels
        .download(benchmark.next.position(benchmark.schedule.stageOf(layer)))[0];
  }

  @ParameterizedTest
  @ValueSource(strings = {"17", "17-8", "5", "6-3"})
  void aLayerIsTheReferences(String stage) {
    DecoderLayerBenchmark benchmark = BenchmarkRun.tiny(new DecoderLayerBenchmark());
    benchmark.stage = stage;
    benchmark.setUp();
    int image = DecoderLayerBenchmark.imageTokens(stage);
    PruningPlan plan = DecoderLayerBenchmark.drops(stage) ? ModelWork.HALVE : PruningPlan.none();
    BenchmarkRun.holdsTo(
        benchmark::layer,
        benchmark.layer::output,
        () -> reference().prefill(benchmark.layer.input(), TEXT_BEFORE, image, plan, 1),
        BOUND);
    int left = DecoderLayerBenchmark.drops(stage) ? image / 2 : image;
    assertThat(benchmark.layer.output())
        .hasSize((ModelWork.TEXT_TOKENS + left) * ModelSize.TINY.shape().hidden());
    benchmark.tearDown();
  }

  @ParameterizedTest
  @EnumSource
  void aPrefillIsTheReferences(PruningChoice plan) {
    PrefillBenchmark benchmark = BenchmarkRun.tiny(new PrefillBenchmark());
    benchmark.imageTokens = 17;
    benchmark.plan = plan;
    benchmark.setUp();
    BenchmarkRun.holdsTo(
        benchmark::prefill,
        benchmark.prefill::output,
        () ->
            reference()
                .logits(
                    reference()
                        .prefill(
                            benchmark.prefill.input(),
                            TEXT_BEFORE,
                            17,
                            plan.plan(),
                            ModelSize.LAYERS)),
        5 * BOUND);
    benchmark.tearDown();
  }

  @ParameterizedTest
  @EnumSource
  void aStepIsTheReferences(PruningChoice plan) {
    DecodeStepBenchmark benchmark = BenchmarkRun.tiny(new DecodeStepBenchmark());
    benchmark.imageTokens = 17;
    benchmark.plan = plan;
    benchmark.setUp();
    BenchmarkRun.holdsTo(
        benchmark::step,
        () -> benchmark.kernels.download(benchmark.logits),
        () ->
            reference()
                .step(
                    benchmark.id,
                    benchmark.keys,
                    benchmark.values,
                    benchmark::held,
                    layer -> position(benchmark, layer)),
        5 * BOUND);
    int[] held = {benchmark.held(0), benchmark.held(1), benchmark.held(2), benchmark.held(3)};
    switch (plan) {
      case NONE -> assertThat(held).containsExactly(77, 77, 77, 77);
      case FASTV -> assertThat(held).containsExactly(77, 77, 68, 68);
      case PYRAMID -> assertThat(held).containsExactly(77, 68, 64, 62);
    }
    benchmark.tearDown();
  }

  private static double mostLost(DType dtype) {
    return switch (dtype) {
      case INT8 -> 0.03;
      case FP8 -> 0.1;
      default -> 0.3;
    };
  }

  /**
   * What their numbers lost is bounded alone; that they are multiplied rightly, kernels' tests say.
   */
  @ParameterizedTest
  @EnumSource(names = {"INT8", "INT4", "FP8"})
  void aStepRunsOnWeightsInBlocks(DType dtype) {
    float[][] logits = new float[2][];
    for (int i = 0; i < 2; i++) {
      DecodeStepBenchmark benchmark = BenchmarkRun.tiny(new DecodeStepBenchmark());
      benchmark.imageTokens = 17;
      benchmark.dtype = i == 0 ? DType.BFLOAT16 : dtype;
      benchmark.setUp();
      benchmark.step();
      logits[i] = benchmark.kernels.download(benchmark.logits);
      benchmark.tearDown();
    }
    double error = 0;
    double norm = 0;
    for (int i = 0; i < logits[0].length; i++) {
      error += Math.pow(logits[1][i] - logits[0][i], 2);
      norm += Math.pow(logits[0][i], 2);
    }
    assertThat(Math.sqrt(error / norm)).isBetween(1e-4, mostLost(dtype));
  }

  @ParameterizedTest
  @MethodSource("org.pyramiddrop.kernels.DType#single")
  void runsOnWeightsOfEachType(DType dtype) {
    // The checkpoint's bfloat16 numbers are float32's and, as small as they are, nearly float16's.
    PrefillBenchmark benchmark = BenchmarkRun.tiny(new PrefillBenchmark());
    benchmark.imageTokens = 4;
    benchmark.dtype = dtype;
    benchmark.setUp();
    BenchmarkRun.holdsTo(
        benchmark::prefill,
        benchmark.prefill::output,
        () ->
            reference()
                .logits(
                    reference()
                        .prefill(
                            benchmark.prefill.input(),
                            TEXT_BEFORE,
                            4,
                            PruningPlan.none(),
                            ModelSize.LAYERS)),
        5 * BOUND);
    benchmark.tearDown();
  }
}
