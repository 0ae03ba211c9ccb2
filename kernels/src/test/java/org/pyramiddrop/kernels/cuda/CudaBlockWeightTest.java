package org.pyramiddrop.kernels.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.BlockOnlyContract;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Stored;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/**
 * Products by weights in blocks hold their contract by either tile, widened to a matrix of numbers,
 * and by the plain kernel where tiles can't be. {@link CudaFloat8Test} has those that round
 * activations, too.
 */
@ParameterizedClass(name = "{0}, algorithm {1}")
@CsvSource({
  "FLOAT32, 0",
  "FLOAT16, 0",
  "FLOAT16, 1",
  "FLOAT16, 2",
  "BFLOAT16, 0",
  "BFLOAT16, 1",
  "BFLOAT16, 2"
})
class CudaBlockWeightTest extends BlockOnlyContract {
  private final DType dtype;
  private final RiggedStopwatch stopwatch;
  private final int fastest;
  @TempDir private Path folder;

  CudaBlockWeightTest(DType dtype, int fastest) {
    this.dtype = dtype;
    this.fastest = fastest;
    stopwatch = new RiggedStopwatch(fastest, false);
  }

  @Override
  protected Kernels open() {
    TestGpu.prepare();
    Tuning tuning = new Tuning.Measured(folder, (_, _, _) -> stopwatch);
    return TestGpu.open(dtype, new CudaOptions(true, false, tuning).withHopper(false));
  }

  /** Values of more rows than are streamed are rounded to the type that is multiplied. */
  @Override
  protected float[] widened(int rows, float[] w) {
    if (rows <= CudaStreaming.MOST_ROWS) {
      return w;
    }
    float[] rounded = new float[w.length];
    for (int i = 0; i < w.length; i++) {
      rounded[i] = Stored.round(dtype, w[i]);
    }
    return rounded;
  }

  @Override
  protected double share() {
    return 0.2;
  }

  @Override
  protected double tolerance() {
    return dtype == DType.FLOAT32 ? 1e-5 : 1e-3;
  }

  @Test
  void offersBothTilesAndToWidenTheMatrix() {
    assumeThat(dtype).as("float32 has the plain kernel alone").isNotEqualTo(DType.FLOAT32);
    Kernels kernels = device().kernels();
    MemorySegment zeros = Arena.ofAuto().allocate(DType.INT4.bytes(24, 64));
    try (Weight w = kernels.weight(List.of(new HostMatrix(DType.INT4, zeros, 24, 64)));
        Tensor x = kernels.allocate(40, 64);
        Tensor out = kernels.allocate(40, 24)) {
      kernels.linear(x, w, null, Activation.NONE, out);
    }
    assertThat(stopwatch.algorithms()).isEqualTo(3);
    Class<?> winner = fastest == 2 ? ProductAlgorithm.Widened.class : ProductAlgorithm.Tiled.class;
    assertThat(stopwatch.winner()).isInstanceOf(winner);
  }

  @Test
  void refusesToTrainThroughBlocks() {
    Kernels kernels = device().kernels();
    MemorySegment zeros = Arena.ofAuto().allocate(DType.INT4.bytes(8, 16));
    try (Weight w = kernels.weight(List.of(new HostMatrix(DType.INT4, zeros, 8, 16)));
        Tensor dy = kernels.allocate(3, 8);
        Tensor dx = kernels.allocate(3, 16)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernels.gradients().linearInput(dy, w, false, dx))
          .withMessage(
              "a GPU doesn't train through weights of int4: use float weights, or --backend cpu");
    }
  }

  @Test
  void refusesBlocksWhereOnlyNumbersCanBe() {
    Kernels kernels = device().kernels();
    MemorySegment zeros = Arena.ofAuto().allocate(DType.INT8.bytes(16, 1));
    try (Weight w = kernels.weight(List.of(new HostMatrix(DType.INT8, zeros, 16, 1)));
        Tensor x = kernels.allocate(3, 16)) {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> kernels.rmsNorm(x, w, 1, x))
          .withMessageContaining("int8 has scales that numbers share");
    }
  }
}
