package org.pyramiddrop.kernels.cpu;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Tensor;

/** Activations in a Java array; a view is the same array from another offset on. */
final class CpuTensor implements Tensor {
  /** Element (r, c) is {@code data[offset + r·columns + c]}; none once closed. */
  private float @Nullable [] data;

  private final int offset;
  private final int rows;
  private final int columns;

  CpuTensor(float[] data, int offset, int rows, int columns) {
    this.data = data;
    this.offset = offset;
    this.rows = rows;
    this.columns = columns;
  }

  static CpuTensor allocate(int rows, int columns) {
    long size = (long) rows * columns;
    if (rows < 0 || columns < 1 || size > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          "a tensor of %d × %d numbers is not possible on the CPU".formatted(rows, columns));
    }
    return new CpuTensor(new float[(int) size], 0, rows, columns);
  }

  float[] data() {
    if (data == null) {
      throw new IllegalStateException("the tensor is closed");
    }
    return data;
  }

  int offset() {
    return offset;
  }

  /** Where row {@code r} begins in {@link #data()}. */
  int row(int r) {
    return offset + r * columns;
  }

  int size() {
    return rows * columns;
  }

  @Override
  public DType dtype() {
    return DType.FLOAT32;
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return columns;
  }

  @Override
  public CpuTensor rows(int first, int count) {
    Objects.checkFromIndexSize(first, count, rows);
    return new CpuTensor(data(), row(first), count, columns);
  }

  @Override
  public void close() {
    data = null;
  }
}
