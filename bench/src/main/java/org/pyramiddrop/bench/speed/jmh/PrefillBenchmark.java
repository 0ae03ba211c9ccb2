package org.pyramiddrop.bench.speed.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.model.RepeatedPrefill;
import org.pyramiddrop.bench.speed.PruningChoice;
import org.pyramiddrop.kernels.DType;

/**
 * A prompt's whole way from token ids and image embeddings to logits, through a decoder of {@value
 * ModelSize#LAYERS} layers, one a stage of the pyramid: an image of 576 or 2880 tokens and 60
 * tokens of text.
 *
 * <p>It takes many seconds, its layers run the same code over and over, so that one run is warm-up
 * enough, and four of each of two virtual machines are measured.
 */
@Warmup(iterations = 1)
@Measurement(iterations = 4)
@SuppressWarnings("NullAway.Init")
public class PrefillBenchmark extends DeviceBenchmark {
  @Param({"576", "2880"})
  int imageTokens;

  @Param PruningChoice plan = PruningChoice.NONE;

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  RepeatedPrefill prefill;

  @Setup
  public void setUp() {
    prefill = prefill(dtype, imageTokens, plan.plan(), ModelSize.LAYERS, /* seed= */ 6);
  }

  @Benchmark
  public void prefill() {
    runAndWait();
  }
}
