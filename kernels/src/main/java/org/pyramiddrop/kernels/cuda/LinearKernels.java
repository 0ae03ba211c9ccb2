package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;

/**
 * Launches our own kernels of products of many rows: {@code matmul.cu}, {@code matmul_blocks.cu},
 * {@code matmul_hopper.cu}, {@code matmul_plain.cu}, {@code widen_matrix.cu}, and {@code
 * activate.cu} and {@code silu_times.cu}, which finish what cuBLASLt began.
 */
final class LinearKernels {
  private static final int PLAIN_TILE = 64;
  private static final int PLAIN_THREADS = 256;
  private static final int PLAIN_SHARED_BYTES = 2 * 16 * (PLAIN_TILE + 4) * Float.BYTES;

  /** Rows of w in a box, of which a tile has two. */
  private static final int HOPPER_BOX = 128;

  /** The same of a gated product. */
  private static final int HOPPER_GATED_BOX = 112;

  private static final int HOPPER_SHARED_BYTES = 197_696;
  private static final int HOPPER_GATED_SHARED_BYTES = 226_384;

  private static final int WIDEN_THREADS = 128;

  private static final int FINISH_THREADS = 256;
  private static final int FINISH_RUN = 8;

  private final Launcher launcher;

  LinearKernels(Launcher launcher) {
    this.launcher = launcher;
  }

  /** On tensor cores; the product is aligned, and not float32. */
  void multiply(Product product, Tile tile) {
    kernel("_" + tile.size(), product)
        .launch(tile.blocks(product), 1, 1, tile.threads(), tile.sharedBytes());
  }

  /** On compute capability 9.0; see {@link #supportsHopper}. */
  void multiplyOnHopper(Product product) {
    int boxRows = product.gated() ? HOPPER_GATED_BOX : HOPPER_BOX;
    int outputs = product.gated() ? boxRows : 2 * boxRows;
    int sharedBytes = product.gated() ? HOPPER_GATED_SHARED_BYTES : HOPPER_SHARED_BYTES;
    int tiles =
        Math.ceilDiv(product.rows(), Hopper.ROWS) * Math.ceilDiv(product.outputs(), outputs);
    launcher
        .kernel(operation(product) + "_hopper")
        .matrixProduct(product.rows(), product.inputs(), product.sums(), product.w().dtype())
        .tensorMap(Hopper.tensorMap(product.x()))
        .tensorMap(Hopper.tensorMap(product.w(), boxRows))
        .int32(product.rows())
        .int32(product.inputs());
    LinearArguments.appendEpilogue(launcher, product.bias(), product.activation(), product.out())
        .launch(Math.min(tiles, launcher.multiprocessors()), 1, 1, Hopper.THREADS, sharedBytes);
  }

  /**
   * Whether that kernel can do it: an aligned linear layer of two-byte numbers, weights among them;
   * if gated, of an even width.
   */
  boolean supportsHopper(Product product) {
    boolean pairs =
        product.outputs() % 2 == 0
            && product.out().address() % Integer.BYTES == 0
            && product.out().dtype() == launcher.dtype();
    return product.transposed() == Transposed.W
        && product.aligned()
        && !product.w().dtype().inBlocks()
        && launcher.dtype() != DType.FLOAT32
        && (pairs || !product.gated());
  }

  /**
   * A matrix in blocks, of whole accesses a row, as one of the device's type: {@code
   * widen_matrix.cu}.
   */
  void widen(CudaWeight w, CudaTensor out) {
    launcher.kernel(LinearArguments.kernel("widen_matrix", w));
    LinearArguments.appendMatrix(launcher, w)
        .pointer(out.address())
        .int32(w.columns())
        .launch(w.rows(), 1, 1, WIDEN_THREADS, 0);
  }

  /** Any type, shape and address. */
  void multiplyPlain(Product product) {
    int outputs = product.gated() ? PLAIN_TILE / 2 : PLAIN_TILE;
    kernel("_plain" + operands(product.transposed()), product)
        .launch(
            Math.ceilDiv(product.rows(), PLAIN_TILE),
            Math.ceilDiv(product.outputs(), outputs),
            1,
            PLAIN_THREADS,
            PLAIN_SHARED_BYTES);
  }

  /**
   * Makes what the product gives of its sums.
   *
   * @param sums address of rows × rows of w, of {@link Product#sumsType}; may be that of out
   * @param activation what is left to do
   */
  void finish(Product product, long sums, Activation activation) {
    if (product.gated()) {
      boolean wide = product.sumsType() == DType.FLOAT32;
      launcher.kernel("silu_times").pointer(wide ? sums : 0).pointer(wide ? 0 : sums);
    } else {
      launcher.kernel("activate").pointer(sums);
    }
    launcher.int32(product.rows());
    long runs = (long) product.rows() * Math.ceilDiv(product.outputs(), FINISH_RUN);
    LinearArguments.appendEpilogue(launcher, product.bias(), activation, product.out())
        .launch(
            Math.toIntExact(Math.ceilDiv(runs, (long) FINISH_THREADS)), 1, 1, FINISH_THREADS, 0);
  }

  private static String operation(Product product) {
    return product.gated() ? "swiglu" : "matmul";
  }

  private static String operands(Transposed transposed) {
    return switch (transposed) {
      case W -> "";
      case NONE -> "_x_w";
      case X -> "_xt_w";
    };
  }

  /** The product's kernel of a kind, with {@code linear::Arguments}. */
  private Launcher kernel(String kind, Product product) {
    launcher
        .kernel(LinearArguments.kernel(operation(product), product.w()) + kind)
        .matrixProduct(product.rows(), product.inputs(), product.sums(), product.w().dtype())
        .pointer(product.x().address());
    LinearArguments.appendMatrix(launcher, product.w())
        .int32(product.rows())
        .int32(product.inputs());
    return LinearArguments.appendEpilogue(
        launcher, product.bias(), product.activation(), product.out());
  }
}
