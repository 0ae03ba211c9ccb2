package org.pyramiddrop.kernels.cuda;

import java.util.Objects;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Weight;

/** A matrix in device memory, row-major, in the device's element type. */
final class CudaWeight implements Weight {
  /** The memory of a matrix and of all views of it. */
  private static final class Memory {
    private final long address;
    private final Runnable free;
    private boolean open = true;

    Memory(long address, Runnable free) {
      this.address = address;
      this.free = free;
    }
  }

  private final Memory memory;
  private final long offset;
  private final DType dtype;
  private final int rows;
  private final int columns;
  private final boolean view;

  private CudaWeight(Memory memory, long offset, DType dtype, int rows, int columns, boolean view) {
    this.memory = memory;
    this.offset = offset;
    this.dtype = dtype;
    this.rows = rows;
    this.columns = columns;
    this.view = view;
  }

  /**
   * A matrix that lies at an address.
   *
   * @param free frees its memory
   */
  static CudaWeight at(long address, Runnable free, DType dtype, int rows, int columns) {
    return new CudaWeight(new Memory(address, free), 0, dtype, rows, columns, false);
  }

  /** Activations as a product's second matrix; they stay their owner's to close. */
  static CudaWeight of(CudaTensor x) {
    return at(x.address(), () -> {}, x.dtype(), x.rows(), x.columns());
  }

  /** Where its first number lies in device memory. */
  long address() {
    if (!memory.open) {
      throw new IllegalStateException("the weight is closed");
    }
    return memory.address + offset;
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
  public DType dtype() {
    return dtype;
  }

  @Override
  public CudaWeight rows(int first, int count) {
    Objects.checkFromIndexSize(first, count, rows);
    long at = offset + (long) first * columns * dtype.bytes();
    return new CudaWeight(memory, at, dtype, count, columns, true);
  }

  @Override
  public void close() {
    if (!view && memory.open) {
      memory.open = false;
      memory.free.run();
    }
  }
}
