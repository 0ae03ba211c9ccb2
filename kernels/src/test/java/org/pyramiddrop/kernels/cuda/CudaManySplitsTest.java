package org.pyramiddrop.kernels.cuda;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.kernels.AttentionOnlyContract;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;

/**
 * Attention on a GPU of so many multiprocessors that few rows split their keys over more blocks
 * than a warp has lanes.
 */
class CudaManySplitsTest extends AttentionOnlyContract {
  @Override
  protected Kernels open() {
    TestGpu.prepare();
    TestGpu.emulateMultiprocessors(16);
    return TestGpu.open(DType.FLOAT32, new CudaOptions(true, false).withHopper(false));
  }

  @AfterEach
  void forgetHooks() {
    TestGpu.restore();
  }

  @Override
  protected double share() {
    return 0.2;
  }

  @Test
  void splitsKeysOverMoreBlocksThanAWarpHasLanes() {
    for (int keys : new int[] {1500, 2100}) {
      attendsToManyKeys(keys);
    }
  }
}
