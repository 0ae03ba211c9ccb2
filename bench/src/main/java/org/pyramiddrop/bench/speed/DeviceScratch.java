package org.pyramiddrop.bench.speed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.checkpoint.RandomNumbers;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.HostMatrix;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightConversion;

/** A benchmark's tensors and weights with random content, freed together. */
public final class DeviceScratch implements AutoCloseable {
  /** Numbers drawn on the host; a larger tensor repeats them. */
  private static final int MOST_DRAWN = 1 << 22;

  private final Kernels kernels;
  private final Resources owned = new Resources();
  private long seed = 1;

  /** Work on random numbers. */
  public record Probe(Tensor in, @Nullable Weight weight, Tensor out, Runnable run) {}

  public DeviceScratch(Kernels kernels) {
    this.kernels = kernels;
  }

  public Kernels kernels() {
    return kernels;
  }

  /** Activations between -1 and 1. */
  public Tensor random(int rows, int columns) {
    return random(kernels.dtype(), rows, columns);
  }

  /** Numbers between -1 and 1. */
  public Tensor random(DType dtype, int rows, int columns) {
    Tensor x = owned.add(kernels.allocate(dtype, rows, columns));
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
    return owned.add(kernels.allocate(rows, columns));
  }

  /** A matrix whose products with activations stay near 1. */
  public Weight weight(int rows, int columns) {
    return weights(kernels.dtype(), rows, columns, 1).getFirst();
  }

  /**
   * The same in another type, several times over: taking turns, none is still in a cache when it is
   * read again.
   */
  public List<Weight> weights(DType dtype, int rows, int columns, int count) {
    DType drawn = dtype.inBlocks() ? kernels.dtype() : dtype;
    seed++;
    Arena arena = owned.add(Arena.ofShared());
    MemorySegment data = arena.allocate((long) rows * columns * drawn.bytes(), 64);
    RandomNumbers.fill(data, drawn, 0, (float) Math.sqrt(3.0 / columns), seed);
    HostMatrix numbers = new HostMatrix(drawn, data, rows, columns);
    HostMatrix matrix =
        dtype.inBlocks() ? WeightConversion.inBlocks(numbers, dtype, arena) : numbers;
    return IntStream.range(0, count)
        .<Weight>mapToObj(_ -> owned.add(kernels.weight(List.of(matrix))))
        .toList();
  }

  /** A linear layer; on a GPU cuBLASLt does it if there is no activation. */
  public Probe product(Product product, Activation activation) {
    Tensor x = random(product.tokens(), product.inputs());
    Weight w = weight(product.outputs(), product.inputs());
    Tensor out = empty(product.tokens(), product.outputs());
    return new Probe(x, w, out, () -> kernels.linear(x, w, null, activation, out));
  }

  /** Row numbers, all 0. */
  public Indices indices(int count) {
    return indices(new int[count]);
  }

  public Indices indices(int[] rows) {
    return owned.add(kernels.indices(rows));
  }

  @Override
  public void close() {
    owned.close();
  }
}
