package org.pyramiddrop.bench.jmh;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.DeviceScratch;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.VisionOnDevice;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;

/**
 * A picture's way to the decoder: one layer of CLIP's tower over its 577 tokens, with the patch
 * embedding before it (two hundredths of the work, which is counted), and the projector.
 *
 * <p>Each takes tenths of a second and is timed by itself. The compiler is done within the first
 * two; five are thrown away. Virtual machines: two, as in {@link DecoderLayerBenchmark}.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 5)
@Measurement(iterations = 15)
@Fork(value = 2, jvmArgsAppend = "--add-modules=jdk.incubator.vector")
public class VisionBenchmark extends DeviceBenchmark {
  /** Which part runs. */
  public enum Part {
    /** Patch embedding and one layer. */
    TOWER_LAYER,
    /** From the tower's features to the decoder's embeddings. */
    PROJECTOR
  }

  @Param Part part = Part.TOWER_LAYER;

  @Param("BFLOAT16")
  DType dtype = DType.BFLOAT16;

  @SuppressWarnings("NullAway.Init")
  VisionOnDevice vision;

  @Setup
  public void setUp() {
    vision =
        new VisionOnDevice(
            ModelOnDevice.open(
                BenchFolder.model(modelSize()), Optional.of(dtype), this::open));
    prepare(vision.kernels(), this::work);
  }

  private Runnable work(Kernels kernels, DeviceScratch scratch) {
    return switch (part) {
      case TOWER_LAYER -> vision::encode;
      case PROJECTOR -> vision::project;
    };
  }

  @Benchmark
  public void picture() {
    runAndWait();
  }

  @Override
  void close() {
    vision.close();
  }
}
