package org.pyramiddrop.kernels.cuda;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.TestInfo;
import org.pyramiddrop.kernels.AttentionContract;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Device;
import org.pyramiddrop.kernels.Draw;
import org.pyramiddrop.kernels.Kernels;

/** Attention by kernels that only compute capability 9.0 runs. */
abstract class CudaHopperContract implements AttentionContract {
  private final DType dtype;
  private @Nullable Device device;

  CudaHopperContract(DType dtype) {
    this.dtype = dtype;
  }

  @BeforeEach
  void openDevice(TestInfo test) {
    TestGpu.prepare();
    Kernels kernels = CudaBackend.open(dtype, new CudaOptions(true, false, true));
    device = new Device(kernels, new Draw(test.getDisplayName(), dtype), 1e-3);
  }

  @AfterEach
  void closeDevice() {
    device().close();
  }

  @Override
  public Device device() {
    return Objects.requireNonNull(device);
  }
}
