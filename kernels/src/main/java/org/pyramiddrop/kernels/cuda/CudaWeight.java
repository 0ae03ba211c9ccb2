package org.pyramiddrop.kernels.cuda;

import java.util.Objects;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Weight;

/**
 * A matrix in device memory, row-major, in the device's element type or as the planes of {@link
 * Blocks}.
 */
final class CudaWeight implements Weight {
  /** The memory of a matrix and of all views of it. */
  private static final class Memory {
    private final long address;
    private final Runnable free;
    private final int rows;
    private boolean open = true;

    Memory(long address, Runnable free, int rows) {
      this.address = address;
      this.free = free;
      this.rows = rows;
    }
  }

  private final Memory memory;
  private final int first;
  private final DType dtype;
  private final int rows;
  private final int columns;
  private final boolean view;

  private CudaWeight(Memory memory, int first, DType dtype, int rows, int columns, boolean view) {
    this.memory = memory;
    this.first = first;
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
    return new CudaWeight(new Memory(address, free, rows), 0, dtype, rows, columns, false);
  }

  /** Activations as a product's second matrix; they stay their owner's to close. */
  static CudaWeight of(CudaTensor x) {
    return at(x.address(), () -> {}, x.dtype(), x.rows(), x.columns());
  }

  /**
   * Where its first number lies in device memory.
   *
   * @throws IllegalArgumentException for a type in blocks, whose planes are {@link #planes}
   */
  long address() {
    return begin() + (long) first * columns * dtype.bytes();
  }

  /**
   * Where a matrix in blocks lies in device memory: planes from its first row on.
   *
   * @param zeros 0 if the type has none
   */
  record Planes(long numbers, long scales, long zeros) {}

  /** The planes of a matrix in blocks. */
  Planes planes() {
    Blocks all = new Blocks(dtype, memory.rows, columns);
    long begin = begin();
    return new Planes(
        begin + all.numbers(first),
        begin + all.scales(first),
        all.zeroBytes() == 0 ? 0 : begin + all.zeros(first));
  }

  private long begin() {
    if (!memory.open) {
      throw new IllegalStateException("the weight is closed");
    }
    return memory.address;
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
  public CudaWeight rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows);
    return new CudaWeight(memory, first + from, dtype, count, columns, true);
  }

  @Override
  public void close() {
    if (!view && memory.open) {
      memory.open = false;
      memory.free.run();
    }
  }
}
