package org.pyramiddrop.bench.speed.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.model.RepeatedPrefill;
import org.pyramiddrop.bench.speed.ModelWork;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * What a decoder layer costs at each stage of the pyramid, for an image of 576 or 2880 tokens and
 * 60 tokens of text: a layer inside the stage ({@code 576}), and the one that ends it ({@code
 * 576-288}), which ranks the image's tokens and runs on for half of them.
 *
 * <p>The prompt is embedded anew and the result copied in each run, since layers work in place:
 * less than a hundredth of a layer's time. A layer takes seconds, so each invocation is timed by
 * itself; the first maps the weights' pages and has the compiler beside it, and the second is
 * steady. Whether the products' sums stay in registers is decided when a virtual machine compiles
 * them, hence two of them.
 */
@Warmup(iterations = 2)
@Measurement(iterations = 5)
@SuppressWarnings("NullAway.Init")
public class DecoderLayerBenchmark extends DeviceBenchmark {
  @Param({
    "576", "576-288", "288", "288-144", "144", "144-72", "72",
    "2880", "2880-1440", "1440", "1440-720", "720", "720-360", "360"
  })
  String stage = "";

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  RepeatedPrefill layer;

  /** The image tokens that a layer begins with. */
  static int imageTokens(String stage) {
    int dash = stage.indexOf('-');
    return Integer.parseInt(dash < 0 ? stage : stage.substring(0, dash));
  }

  static boolean drops(String stage) {
    return stage.contains("-");
  }

  @Setup
  public void setUp() {
    PruningPlan plan = drops(stage) ? ModelWork.HALVE : PruningPlan.none();
    layer = prefill(dtype, imageTokens(stage), plan, 1, /* seed= */ 4);
  }

  @Benchmark
  public void layer() {
    runAndWait();
  }
}
