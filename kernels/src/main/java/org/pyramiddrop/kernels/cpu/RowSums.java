package org.pyramiddrop.kernels.cpu;

import org.jspecify.annotations.Nullable;

/**
 * Sums over rows: chunks of rows are summed up beside each other, and their sums one after the
 * other. The chunks depend on the number of rows alone, and so do the bits of the sums.
 */
final class RowSums {
  /** At most so many chunks. */
  private static final int CHUNKS = 16;

  /** Handles {@code count} rows and adds to their chunk's sums. */
  @FunctionalInterface
  interface Chunk {
    void add(int row, int count, float[] sums);
  }

  private RowSums() {}

  /**
   * Handles all rows.
   *
   * @param width how many sums there are
   * @return the sums
   */
  static float[] of(int rows, int width, Workers workers, Chunk rowsOfChunk) {
    int each = Math.max(1, MatrixProduct.ceilDiv(rows, CHUNKS));
    float[][] chunks = new float[MatrixProduct.ceilDiv(rows, each)][];
    workers.run(
        chunks.length,
        (chunk, worker) -> {
          float[] sums = new float[width];
          chunks[chunk] = sums;
          int first = chunk * each;
          rowsOfChunk.add(first, Math.min(each, rows - first), sums);
        });
    float[] totals = new float[width];
    for (float[] sums : chunks) {
      Elements.addScaled(sums, 0, 1, totals, 0, width);
    }
    return totals;
  }

  /** Adds {@code count} sums from {@code first} on to a gradient, if there is one. */
  static void addTo(@Nullable CpuTensor gradient, float[] sums, int first, int count) {
    if (gradient != null) {
      Elements.addScaled(sums, first, 1, gradient.data(), gradient.offset(), count);
    }
  }
}
