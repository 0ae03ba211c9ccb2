package org.pyramiddrop.kernels.cpu;

import java.util.Arrays;
import java.util.Objects;
import org.pyramiddrop.kernels.Indices;

/** Numbers in a Java array; a part is the same array from another number on. */
final class CpuIndices implements Indices {
  private final int[] all;
  private final int first;
  private final int size;

  private CpuIndices(int[] all, int first, int size) {
    this.all = all;
    this.first = first;
    this.size = size;
  }

  /** Takes the array over. */
  static CpuIndices owning(int[] values) {
    return new CpuIndices(values, 0, values.length);
  }

  int get(int i) {
    return all[first + Objects.checkIndex(i, size)];
  }

  void set(int i, int value) {
    all[first + Objects.checkIndex(i, size)] = value;
  }

  int[] copy() {
    return Arrays.copyOfRange(all, first, first + size);
  }

  @Override
  public int size() {
    return size;
  }

  @Override
  public CpuIndices part(int from, int count) {
    Objects.checkFromIndexSize(from, count, size);
    return new CpuIndices(all, first + from, count);
  }

  @Override
  public void close() {}
}
