package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.Indices;

/** Numbers in a Java array. */
record CpuIndices(int[] values) implements Indices {
  @Override
  public int size() {
    return values.length;
  }

  @Override
  public void close() {}
}
