package org.pyramiddrop.kernels.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Parameter;

/**
 * A parameter whose value lies in native memory, as weights do, so that operations read it like any
 * other weight; the gradient and the moments are tensors.
 */
final class CpuParameter implements Parameter {
  /** A cache line, and the widest vector. */
  private static final int ALIGNMENT = 64;

  private final Arena arena = Arena.ofShared();
  private final int rows;
  private final int columns;
  private final MemorySegment value;
  private final CpuWeight weight;
  private final CpuTensor gradient;
  private final CpuTensor firstMoment;
  private final CpuTensor secondMoment;

  CpuParameter(HostMatrix initial) {
    rows = initial.rows();
    columns = initial.columns();
    gradient = CpuTensor.allocate(rows, columns);
    firstMoment = CpuTensor.allocate(rows, columns);
    secondMoment = CpuTensor.allocate(rows, columns);
    value = arena.allocate((long) rows * columns * Float.BYTES, ALIGNMENT);
    float[] row = new float[columns];
    long rowBytes = (long) columns * initial.dtype().bytes();
    for (int r = 0; r < rows; r++) {
      Numbers.widen(initial.dtype(), initial.data(), r * rowBytes, row, 0, columns);
      long to = (long) r * columns * Float.BYTES;
      MemorySegment.copy(row, 0, value, Numbers.FLOAT, to, columns);
    }
    weight = CpuWeight.of(List.of(new HostMatrix(DType.FLOAT32, value, rows, columns)));
  }

  /** The numbers, row-major; who writes them calls {@link #changed} afterwards. */
  MemorySegment value() {
    return value;
  }

  /** Lets the weight follow the value. */
  void changed() {
    weight.reread();
  }

  int size() {
    return gradient.size();
  }

  /** Copies one of the matrices. */
  float[] read(Content content) {
    float[] out = new float[size()];
    switch (content) {
      case VALUE -> MemorySegment.copy(value, Numbers.FLOAT, 0, out, 0, out.length);
      case FIRST_MOMENT -> System.arraycopy(firstMoment.data(), 0, out, 0, out.length);
      case SECOND_MOMENT -> System.arraycopy(secondMoment.data(), 0, out, 0, out.length);
    }
    return out;
  }

  /** Overwrites one of the matrices. */
  void write(float[] values, Content content) {
    switch (content) {
      case VALUE -> {
        MemorySegment.copy(values, 0, value, Numbers.FLOAT, 0, size());
        changed();
      }
      case FIRST_MOMENT -> System.arraycopy(values, 0, firstMoment.data(), 0, size());
      case SECOND_MOMENT -> System.arraycopy(values, 0, secondMoment.data(), 0, size());
    }
  }

  float[] firstMoment() {
    return firstMoment.data();
  }

  float[] secondMoment() {
    return secondMoment.data();
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
  public CpuWeight weight() {
    return weight;
  }

  @Override
  public CpuTensor gradient() {
    return gradient;
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
      gradient.close();
      firstMoment.close();
      secondMoment.close();
    }
  }
}
