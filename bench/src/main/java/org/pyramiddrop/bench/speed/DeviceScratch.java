package org.pyramiddrop.bench.speed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;

/** A benchmark's tensors and weights with random content, freed together. */
public final class DeviceScratch implements AutoCloseable {
  /** Numbers drawn on the host; a larger tensor repeats them. */
  private static final int MOST_DRAWN = 1 << 22;

  private final Kernels kernels;
  private final Deque<Runnable> closers = new ArrayDeque<>();
  private long seed = 1;

  public DeviceScratch(Kernels kernels) {
    this.kernels = kernels;
  }

  /** Activations between -1 and 1. */
  public Tensor random(int rows, int columns) {
    return random(kernels.dtype(), rows, columns);
  }

  /** Numbers between -1 and 1. */
  public Tensor random(DType dtype, int rows, int columns) {
    Tensor x = empty(dtype, rows, columns);
    int drawn = Math.clamp(MOST_DRAWN / columns, 1, rows);
    seed++;
    kernels.upload(RandomNumbers.floats(drawn * columns, seed), x.rows(0, drawn));
    for (int filled = drawn; filled < rows; ) {
      int more = Math.min(filled, rows - filled);
      kernels.copy(x.rows(0, more), x.rows(filled, more));
      filled += more;
    }
    return x;
  }

  /** Activations of undefined content. */
  public Tensor empty(int rows, int columns) {
    return empty(kernels.dtype(), rows, columns);
  }

  private Tensor empty(DType dtype, int rows, int columns) {
    Tensor x = kernels.allocate(dtype, rows, columns);
    closers.push(x::close);
    return x;
  }

  /** A matrix whose products with activations stay near 1. */
  public Weight weight(int rows, int columns) {
    DType dtype = kernels.dtype();
    seed++;
    Arena arena = Arena.ofShared();
    closers.push(arena::close);
    MemorySegment data = arena.allocate((long) rows * columns * dtype.bytes(), 64);
    RandomNumbers.fill(data, dtype, 0, (float) Math.sqrt(3.0 / columns), seed);
    Weight w = kernels.weight(List.of(new HostMatrix(dtype, data, rows, columns)));
    closers.push(w::close);
    return w;
  }

  public Indices indices(int count) {
    Indices indices = kernels.indices(new int[count]);
    closers.push(indices::close);
    return indices;
  }

  @Override
  public void close() {
    while (!closers.isEmpty()) {
      closers.pop().run();
    }
  }
}
