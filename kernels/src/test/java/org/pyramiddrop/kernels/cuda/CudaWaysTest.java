package org.pyramiddrop.kernels.cuda;

import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.ProductsContract;

/**
 * Products hold their contract whichever way they are done. Ways are met in the order of their
 * guesses: cuBLASLt's algorithms and our tiles, or the plain kernel.
 */
@ParameterizedClass(name = "{0}, way {1}")
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
class CudaWaysTest extends ProductsContract {
  private final DType dtype;
  private final int favourite;
  @TempDir private Path folder;

  CudaWaysTest(DType dtype, int favourite) {
    this.dtype = dtype;
    this.favourite = favourite;
  }

  @Override
  protected Kernels open() {
    TestGpu.prepare();
    Stopwatch stopwatch = new Favourite(favourite, false);
    Tuning tuning = new Tuning.Measured(folder, (_, _, _) -> stopwatch);
    return CudaBackend.open(dtype, new CudaOptions(true, false, tuning).withHopper(false));
  }

  /** Most cases are of sizes that go one way only. */
  @Override
  protected double share() {
    return 0.05;
  }

  @Override
  protected double tolerance() {
    return dtype == DType.FLOAT32 ? 1e-5 : 1e-3;
  }
}
