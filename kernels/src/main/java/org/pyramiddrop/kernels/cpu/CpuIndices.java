package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.Indices;

/** Numbers in a Java array. */
final class CpuIndices implements Indices {
  private final int[] values;

  CpuIndices(int[] values) {
    this.values = values;
  }

  int[] values() {
    return values;
  }

  @Override
  public int size() {
    return values.length;
  }

  @Override
  public void close() {}
}
