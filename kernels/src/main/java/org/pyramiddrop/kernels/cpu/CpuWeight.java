package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Objects;
import org.pyramiddrop.kernels.Blocks;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Weight;

/**
 * Matrices stacked along their rows, read where they lie: mapped files stay mapped, in their own
 * dtype.
 *
 * <p>A vector (one column) is small and is added to every row of activations, so it is widened
 * once, here.
 */
final class CpuWeight implements Weight {
  private final HostMatrix[] parts;

  /** First row of each part, and the number of all rows last. */
  private final int[] starts;

  private final int first;
  private final int rows;
  private final float[] vector;

  private CpuWeight(HostMatrix[] parts, int[] starts, int first, int rows, float[] vector) {
    this.parts = parts;
    this.starts = starts;
    this.first = first;
    this.rows = rows;
    this.vector = vector;
  }

  static CpuWeight of(List<HostMatrix> list) {
    HostMatrix[] parts = list.toArray(HostMatrix[]::new);
    int[] starts = new int[parts.length + 1];
    for (int i = 0; i < parts.length; i++) {
      starts[i + 1] = Math.addExact(starts[i], parts[i].rows());
    }
    int rows = starts[parts.length];
    float[] vector = new float[parts[0].columns() == 1 ? rows : 0];
    CpuWeight weight = new CpuWeight(parts, starts, 0, rows, vector);
    weight.reread();
    return weight;
  }

  /** Widens the numbers of a whole vector again, since its memory has changed; views share them. */
  void reread() {
    for (int i = 0; i < parts.length && vector.length > 0; i++) {
      for (int r = starts[i]; r < starts[i + 1]; r++) {
        widen(r, 0, 1, vector, r, 1);
      }
    }
  }

  private int part(int row) {
    int p = 0;
    while (row >= starts[p + 1]) {
      p++;
    }
    return p;
  }

  /** The memory that holds a row. */
  MemorySegment segment(int row) {
    return parts[part(first + row)].data();
  }

  /** Where a row's numbers begin in its {@link #segment}, in bytes. */
  long offset(int row) {
    return offset(row, 0);
  }

  /** Where a row's numbers (plane 0), scales (1) or zeros (2) begin in its {@link #segment}. */
  long offset(int row, int plane) {
    if (!dtype().inBlocks()) {
      return within(row) * rowBytes(plane);
    }
    Blocks blocks = blocks(row);
    int at = within(row);
    return switch (plane) {
      case 0 -> blocks.numbers(at);
      case 1 -> blocks.scales(at);
      default -> blocks.zeros(at);
    };
  }

  /** Bytes from one row's numbers, scales or zeros to the next one's. */
  long rowBytes(int plane) {
    if (!dtype().inBlocks()) {
      return (long) columns() * dtype().bytes();
    }
    Blocks blocks = new Blocks(dtype(), 1, columns());
    return switch (plane) {
      case 0 -> blocks.numberBytes();
      case 1 -> blocks.scaleBytes();
      default -> blocks.zeroBytes();
    };
  }

  /** How the planes of a weight in blocks lie in the memory that holds a row. */
  Blocks blocks(int row) {
    HostMatrix part = parts[part(first + row)];
    return new Blocks(part.dtype(), part.rows(), part.columns());
  }

  /** Which row of its part a row is. */
  int within(int row) {
    int at = first + row;
    return at - starts[part(at)];
  }

  /**
   * Widens {@code count} numbers of a row, from {@code column} on, into {@code out[at]}, {@code
   * out[at + stride]} and so on.
   */
  void widen(int row, int column, int count, float[] out, int at, int stride) {
    MemorySegment segment = segment(row);
    if (dtype().inBlocks()) {
      Blocks blocks = blocks(row);
      for (int i = 0; i < count; i++) {
        out[at + i * stride] = blocks.value(segment, within(row), column + i);
      }
    } else {
      long from = offset(row) + (long) column * dtype().bytes();
      Numbers.scatter(dtype(), segment, from, out, at, stride, count);
    }
  }

  /** How many rows, from this one on, lie one behind the other in one segment. */
  int contiguous(int row) {
    int at = first + row;
    return Math.min(starts[part(at) + 1] - at, rows - row);
  }

  /** The widened numbers of a vector; number i is at {@code vectorOffset() + i}. */
  float[] vector() {
    return vector;
  }

  int vectorOffset() {
    return first;
  }

  @Override
  public int rows() {
    return rows;
  }

  @Override
  public int columns() {
    return parts[0].columns();
  }

  @Override
  public DType dtype() {
    return parts[0].dtype();
  }

  @Override
  public CpuWeight rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows);
    return new CpuWeight(parts, starts, first + from, count, vector);
  }

  /** Nothing to free: the memory belongs to whoever mapped it. */
  @Override
  public void close() {}
}
