package org.pyramiddrop.kernels.cuda;

import java.util.Objects;
import org.pyramiddrop.kernels.Indices;

/** 32-bit numbers in device memory; a part is the same memory from another number on. */
final class CudaIndices implements Indices {
  private final DeviceMemory.Block block;
  private final int first;
  private final int size;
  private final boolean part;

  private CudaIndices(DeviceMemory.Block block, int first, int size, boolean part) {
    this.block = block;
    this.first = first;
    this.size = size;
    this.part = part;
  }

  static CudaIndices allocate(DeviceMemory memory, int size) {
    return new CudaIndices(memory.allocate(4L * size), 0, size, false);
  }

  /** Where its first number lies in device memory. */
  long address() {
    return block.address() + 4L * first;
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public CudaIndices part(int from, int count) {
    Objects.checkFromIndexSize(from, count, size);
    return new CudaIndices(block, first + from, count, true);
  }

  @Override
  public void close() {
    if (!part) {
      block.close();
    }
  }
}
