package org.pyramiddrop.kernels;

import java.util.List;

/** What {@link BlockWeightContract} asks, and nothing else. */
public abstract class BlockOnlyContract extends DeviceContract implements BlockWeightContract {
  @Override
  public List<DType> types() {
    return List.of(DType.INT8, DType.INT4);
  }
}
