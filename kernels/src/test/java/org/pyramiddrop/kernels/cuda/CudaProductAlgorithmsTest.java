package org.pyramiddrop.kernels.cuda;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.ProductOnlyContract;

/**
 * Products hold their contract by whichever algorithm they are done. Algorithms are numbered in the
 * order of the candidates: cuBLASLt's and our tiles, or the plain kernel.
 */
@ParameterizedClass(name = "{0}, algorithm {1}")
@CsvSource({
  "BFLOAT16, 0",
  "BFLOAT16, 1",
  "BFLOAT16, 2",
  "BFLOAT16, 3",
  "BFLOAT16, 4",
  "BFLOAT16, 5",
  "FLOAT16, 1",
  "FLOAT16, 3",
  "FLOAT16, 5",
  "FLOAT32, 1",
  "FLOAT32, 2",
  "FLOAT32, 4"
})
class CudaProductAlgorithmsTest extends ProductOnlyContract {
  private final DType dtype;
  private final int fastest;
  @TempDir private Path folder;

  CudaProductAlgorithmsTest(DType dtype, int fastest) {
    this.dtype = dtype;
    this.fastest = fastest;
  }

  @Override
  protected Kernels open() {
    TestGpu.prepare();
    Stopwatch stopwatch = new RiggedStopwatch(fastest, false);
    Tuning tuning = new Tuning.Measured(folder, (_, _, _) -> stopwatch);
    return TestGpu.open(dtype, new CudaOptions(true, false, tuning).withHopper(false));
  }

  /** Most cases are of sizes that only one algorithm takes. */
  @Override
  protected double share() {
    return 0.05;
  }

  @Override
  protected double tolerance() {
    return dtype == DType.FLOAT32 ? 1e-5 : 1e-3;
  }
}
