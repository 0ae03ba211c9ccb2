package org.pyramiddrop.bench.speed.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedStep;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;

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
  @Param({"72", "576", "2880"})
  int imageTokens;

  @Param PruningChoice plan = PruningChoice.NONE;

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  RepeatedStep step;

  @Setup
  public void setUp() {
    ModelOnDevice model = model(dtype);
    step = new RepeatedStep(model, ModelWork.prompt(imageTokens), plan.plan(), /* seed= */ 5);
    closeLater(step::close);
    prepare(model.kernels(), step::run);
  }

  @Benchmark
  public void step() {
    runAndWait();
  }
}
