package org.pyramiddrop.kernels.cuda;

import java.util.Objects;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Tensor;

/** Activations in device memory; a view is the same memory from another row on. */
final class CudaTensor implements Tensor {
  private final DeviceMemory.Block block;
  private final long offset;
  private final DType dtype;
  private final int rows;
  private final int columns;
  private final boolean view;
  private boolean open = true;

  private CudaTensor(
      DeviceMemory.Block block, long offset, DType dtype, int rows, int columns, boolean view) {
    this.block = block;
    this.offset = offset;
    this.dtype = dtype;
    this.rows = rows;
    this.columns = columns;
    this.view = view;
  }

  static CudaTensor allocate(DeviceMemory memory, DType dtype, int rows, int columns) {
    if (rows < 0 || columns < 1) {
      throw new IllegalArgumentException(
          "a tensor of %d × %d numbers is not possible".formatted(rows, columns));
    }
    long bytes = Math.multiplyExact((long) rows * columns, dtype.bytes());
    return new CudaTensor(memory.allocate(bytes), 0, dtype, rows, columns, false);
  }

  /** Where its first number lies in device memory. */
  long address() {
    if (!open) {
      throw closed();
    }
    try {
      return block.address() + offset;
    } catch (IllegalStateException e) {
      throw closed();
    }
  }

  private static IllegalStateException closed() {
    return new IllegalStateException("the tensor is closed");
  }

  /** How many numbers it holds. */
  long size() {
    return (long) rows * columns;
  }

  /** How many bytes its numbers take. */
  long bytes() {
    return size() * dtype.bytes();
  }

  @Override
  public DType dtype() {
    return dtype;
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
  public CudaTensor rows(int first, int count) {
    Objects.checkFromIndexSize(first, count, rows);
    address();
    long at = offset + (long) first * columns * dtype.bytes();
    return new CudaTensor(block, at, dtype, count, columns, true);
  }

  @Override
  public void close() {
    open = false;
    if (!view) {
      block.close();
    }
  }
}
