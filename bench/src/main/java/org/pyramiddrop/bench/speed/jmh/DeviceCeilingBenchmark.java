package org.pyramiddrop.bench.speed.jmh;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.Warmup;
import org.pyramiddrop.bench.speed.DeviceCeiling;
import org.pyramiddrop.bench.speed.DeviceScratch;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;

/**
 * The ceilings of a GPU, as they are seen there: a large square product in each type, and a read of
 * a gigabyte or two.
 *
 * <p>A run is a hundred of them in a row, long enough for the clock to settle within three; two
 * processes, since memory is laid out anew in each.
 */
@Warmup(iterations = 3)
@Measurement(iterations = 9)
@SuppressWarnings("NullAway.Init")
public class DeviceCeilingBenchmark extends DeviceBenchmark {
  public enum Part {
    SQUARE_PRODUCT,
    READ
  }

  @Param Part part = Part.SQUARE_PRODUCT;

  @Param({"FLOAT32", "FLOAT16", "BFLOAT16"})
  DType dtype = DType.BFLOAT16;

  Kernels kernels;

  /** The product, or nothing. */
  DeviceScratch.Probe probe;

  /** The read, or nothing. */
  DeviceCeiling.Read read;

  @Setup
  public void setUp() {
    kernels = own(open(dtype));
    prepare(kernels, this::work);
  }

  private Runnable work(DeviceScratch scratch) {
    DeviceCeiling ceiling = DeviceCeiling.of(modelSize());
    return switch (part) {
      case SQUARE_PRODUCT -> {
        probe = scratch.product(ceiling.product(), Activation.NONE);
        yield probe.run();
      }
      case READ -> {
        read = ceiling.read(scratch);
        yield read;
      }
    };
  }

  @Benchmark
  public void ceiling() {
    runAndWait();
  }
}
