package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.GradientKernels;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.LinearGradientOnlyContract;
import org.pyramiddrop.kernels.RandomData;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/**
 * The gradients of linear layers hold their contract by whichever algorithm they are done.
 * Algorithms are numbered in the order of the candidates: cuBLASLt's, then the plain kernel.
 */
@ParameterizedClass(name = "{0}, algorithm {1}")
@CsvSource({
  "BFLOAT16, 1",
  "BFLOAT16, 3",
  "BFLOAT16, 4",
  "FLOAT16, 2",
  "FLOAT32, 1",
  "FLOAT32, 2",
  "FLOAT32, 4"
})
class CudaGradientAlgorithmsTest extends LinearGradientOnlyContract {
  private final DType dtype;
  private final RiggedStopwatch stopwatch;
  @TempDir private Path folder;

  CudaGradientAlgorithmsTest(DType dtype, int fastest) {
    this.dtype = dtype;
    stopwatch = new RiggedStopwatch(fastest, true);
  }

  @Override
  protected Kernels open() {
    TestGpu.prepare();
    Tuning tuning = new Tuning.Measured(folder, (_, _, _) -> stopwatch);
    return TestGpu.open(dtype, new CudaOptions(true, false, tuning).withHopper(false));
  }

  @Override
  protected double share() {
    return 0.02;
  }

  @Override
  protected double tolerance() {
    return dtype == DType.FLOAT32 ? 1e-5 : 1e-3;
  }

  /** What a recorded product reads may be closed when the product is measured. */
  @Test
  void measuresWhatARecordingDid() {
    Kernels kernels = device().kernels();
    GradientKernels gradients = kernels.gradients();
    RandomData random = new RandomData("recorded products", dtype);
    Tensor x = device().owned(kernels.allocate(70, 64));
    Tensor dw = device().owned(kernels.allocate(DType.FLOAT32, 64, 64));
    kernels.upload(random.normal(70 * 64, 1), x);
    float[] numbers = random.weights(dtype, 64 * 64, 1);
    try (Weight w = kernels.weight(List.of(Stored.matrix(dtype, numbers, 64)));
        Recording recording =
            kernels.record(() -> {
              try (Tensor dx = kernels.allocate(70, 64)) {
                gradients.linearInput(x, w, false, dx);
                gradients.linearWeight(x, dx, dw);
              }
            })) {
      assertThat(stopwatch.runs()).isPositive();
      int runs = stopwatch.runs();
      kernels.upload(new float[64 * 64], dw);
      recording.run();
      float[] recorded = kernels.download(dw);
      kernels.upload(new float[64 * 64], dw);
      try (Tensor dx = kernels.allocate(70, 64)) {
        gradients.linearInput(x, w, false, dx);
        gradients.linearWeight(x, dx, dw);
      }
      assertThat(kernels.download(dw)).isEqualTo(recorded);
      assertThat(recorded).doesNotContain(Float.NaN);
      assertThat(stopwatch.runs()).as("measured once").isEqualTo(runs);
    }
  }
}
