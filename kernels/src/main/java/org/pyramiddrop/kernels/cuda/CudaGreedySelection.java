package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/**
 * Choices of rows that are unlike each other, one after the other, over the products of all pairs:
 * {@code select_diverse.cu, select_determinantal.cu}.
 */
final class CudaGreedySelection {
  private static final int THREADS = 1024;

  /** What the struct Shared of {@code greedy.cuh} takes; that file holds it to it. */
  private static final int SHARED_BYTES = 640;

  private static final int NEAREST_THREADS = 128;
  private static final int NEAREST_ROWS = 4;

  /** Numbers of a row in shared memory: nearness and length, or what is left, length, relevance. */
  private static final int DIVERSE_NUMBERS = 2;

  private static final int DETERMINANTAL_NUMBERS = 3;

  /** Choices of a panel: more gain little, since each takes longer than the one before. */
  private static final int MOST_DEPTH = 32;

  private static final int SUBTRACT_THREADS = 256;
  private static final int SUBTRACT_ROWS = 32;

  private final Launcher launcher;
  private final RowScaling scaling;
  private final LinearKernels linear;

  CudaGreedySelection(Launcher launcher, RowScaling scaling) {
    this.launcher = launcher;
    this.scaling = scaling;
    linear = new LinearKernels(launcher);
  }

  /**
   * The products of all pairs of rows, by kernels of ours alone, which sum each in one order
   * wherever it lies: equal rows have equal products.
   *
   * @param inverse one number a row for 1 / its length, or none
   */
  private CudaTensor products(CudaTensor x, @Nullable CudaTensor inverse) {
    CudaTensor out = scaling.numbers(x.rows(), x.rows());
    try (CudaTensor rows = scaling.allocate(x)) {
      scaling.scale(x, rows, inverse == null ? 0 : inverse.address());
      Product product =
          new Product(
              Transposed.W,
              rows,
              CudaWeight.of(rows),
              null,
              Activation.NONE,
              out,
              false,
              null,
              new LibraryUse(false, () -> false));
      if (x.dtype() == DType.FLOAT32) {
        linear.multiplyPlain(product);
      } else {
        linear.multiply(product, Tile.fastest(product, launcher));
      }
    } catch (RuntimeException | Error e) {
      out.close();
      throw e;
    }
    return out;
  }

  /** How many numbers of each row a block has room for in shared memory. */
  private int room(int rows) {
    return (launcher.maxSharedBytes() - SHARED_BYTES) / Float.BYTES / rows;
  }

  private int requireRoom(int rows, int numbers) {
    if (room(rows) < numbers) {
      int most = (launcher.maxSharedBytes() - SHARED_BYTES) / Float.BYTES / numbers;
      throw new IllegalArgumentException(
          "%d rows are too many for the CUDA backend to choose among, which takes %d: use the CPU"
              .formatted(rows, most));
    }
    return room(rows);
  }

  /**
   * Rows that are far from each other, ascending.
   *
   * @throws IllegalArgumentException if there are more than this GPU's shared memory has room for
   */
  void diverse(CudaTensor x, CudaIndices out) {
    int rows = x.rows();
    if (out.size() == 0) {
      return;
    }
    requireRoom(rows, DIVERSE_NUMBERS);
    try (CudaTensor inverse = scaling.numbers(1, rows);
        CudaTensor nearness = scaling.numbers(1, rows);
        CudaTensor products = products(x, inverse)) {
      launcher
          .untypedKernel("nearest_others")
          .pointer(products.address())
          .pointer(inverse.address())
          .pointer(nearness.address())
          .int32(rows)
          .launch(Math.ceilDiv(rows, NEAREST_ROWS), 1, 1, NEAREST_THREADS, 0);
      launcher
          .untypedKernel("select_diverse")
          .pointer(products.address())
          .pointer(inverse.address())
          .pointer(nearness.address())
          .pointer(out.address())
          .int32(rows)
          .int32(out.size())
          .launch(1, 1, 1, THREADS, sharedBytes(rows, DIVERSE_NUMBERS));
    }
  }

  /**
   * Rows that are relevant and unlike each other, ascending.
   *
   * @throws IllegalArgumentException if there are more than this GPU's shared memory has room for
   */
  void determinantal(CudaTensor x, CudaTensor relevance, CudaIndices out) {
    int rows = x.rows();
    int count = out.size();
    if (count == 0) {
      return;
    }
    int most = requireRoom(rows, DETERMINANTAL_NUMBERS + 1) - DETERMINANTAL_NUMBERS;
    int depth = Math.min(Math.min(most, MOST_DEPTH), count);
    try (CudaTensor products = products(x, null);
        // What a panel leaves to the next, its columns, and two ints of state.
        CudaTensor kept = scaling.numbers(DETERMINANTAL_NUMBERS + depth, rows);
        CudaTensor state = scaling.numbers(1, 2)) {
      CudaTensor panel = kept.rows(DETERMINANTAL_NUMBERS, depth);
      for (int first = 0; first < count; first += depth) {
        int here = Math.min(depth, count - first);
        boolean last = first + here == count;
        launcher
            .untypedKernel("select_determinantal")
            .pointer(products.address())
            .pointer(relevance.address())
            .pointer(kept.address())
            .pointer(kept.rows(1, 1).address())
            .pointer(kept.rows(2, 1).address())
            .pointer(panel.address())
            .pointer(state.address())
            .pointer(out.address())
            .int32(rows)
            .int32(first)
            .int32(here)
            .int32(last ? 1 : 0)
            .launch(1, 1, 1, THREADS, sharedBytes(rows, DETERMINANTAL_NUMBERS + here));
        if (!last) {
          subtract(products, panel, state, depth);
        }
      }
    }
  }

  /** Takes what a panel accounts for off all products. */
  private void subtract(CudaTensor products, CudaTensor panel, CudaTensor state, int depth) {
    int rows = products.rows();
    launcher
        .untypedKernel("subtract_panel")
        .pointer(products.address())
        .pointer(panel.address())
        .pointer(state.address())
        .int32(rows)
        .launch(
            Math.ceilDiv(rows, SUBTRACT_THREADS),
            Math.ceilDiv(rows, SUBTRACT_ROWS),
            1,
            SUBTRACT_THREADS,
            depth * SUBTRACT_ROWS * Float.BYTES);
  }

  private static int sharedBytes(int rows, int numbers) {
    return SHARED_BYTES + numbers * rows * Float.BYTES;
  }
}
