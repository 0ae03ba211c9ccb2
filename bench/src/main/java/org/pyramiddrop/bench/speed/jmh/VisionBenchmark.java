package org.pyramiddrop.bench.speed.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.model.VisionOnDevice;
import org.pyramiddrop.kernels.DType;

/**
 * An image's way to the decoder: one layer of CLIP's tower over its 577 tokens, with the patch
 * embedding before it (two hundredths of the work, which is counted), and the projector.
 *
 * <p>Each takes tenths of a second and is timed by itself. The compiler is done within the first
 * two; five are thrown away. Virtual machines: two, as in {@link DecoderLayerBenchmark}.
 */
@Warmup(iterations = 5)
@Measurement(iterations = 15)
@SuppressWarnings("NullAway.Init")
public class VisionBenchmark extends DeviceBenchmark {
  public enum Part {
    /** Patch embedding and one layer. */
    TOWER_LAYER,
    /** From the tower's features to the decoder's embeddings. */
    PROJECTOR
  }

  @Param Part part = Part.TOWER_LAYER;

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  VisionOnDevice vision;

  @Setup
  public void setUp() {
    vision = new VisionOnDevice(model(dtype));
    closeLater(vision::close);
    prepare(
        vision.kernels(),
        switch (part) {
          case TOWER_LAYER -> vision::encode;
          case PROJECTOR -> vision::project;
        });
  }

  @Benchmark
  public void image() {
    runAndWait();
  }
}
