package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Blocks;

/**
 * Products of a few rows, where reading the weights is all the work: {@code streaming.cu}, and
 * {@code streaming_blocks.cu} for weights in blocks.
 */
final class CudaStreaming {
  /** The most rows they take. */
  static final int MOST_ROWS = 4;

  /** What vectors begin at and rows are multiples of, in bytes, to be read in whole accesses. */
  private static final int ALIGNMENT = 16;

  private static final int THREADS = 256;

  /** Outputs of a block: two for each warp, or one with its gate. */
  private static final int OUTPUTS = 16;

  private static final int GATED_OUTPUTS = 8;

  /** Inputs that wait in shared memory at a time. */
  private static final int PANEL = 4096;

  /** What a row in shared memory is a multiple of where weights are in blocks, in bytes. */
  private static final int LINE = 128;

  /** Numbers a row needs for its norm: one for each warp that may share it, and its scale. */
  private static final int NORM_NUMBERS = CudaNorms.MOST_THREADS / 32 + 1;

  /** Shared memory of a block that keeps whole rows, so that two of them fit on any GPU. */
  private static final int MOST_SHARED_BYTES = 48 << 10;

  private final Launcher launcher;

  CudaStreaming(Launcher launcher) {
    this.launcher = launcher;
  }

  /** A product of as few rows. */
  void multiply(Product product) {
    CudaTensor x = product.x();
    // Weights in blocks are whole accesses, whatever x is.
    boolean accesses = product.aligned() || product.w().dtype().inBlocks();
    String suffix = accesses ? "" : "_scalar";
    start((product.gated() ? "streaming_swiglu" : "streaming") + suffix, x, product.w());
    LinearArguments.appendEpilogue(launcher, product.bias(), product.activation(), product.out());
    launch(product.out(), product.gated() ? GATED_OUTPUTS : OUTPUTS, panelBytes(product));
  }

  /** Whether a product of a norm can be one kernel. */
  boolean supportsNorm(CudaTensor x, CudaWeight norm, CudaWeight w) {
    return x.rows() >= 1
        && x.rows() <= MOST_ROWS
        && aligned(x, w)
        && norm.address() % ALIGNMENT == 0
        && normBytes(x, w) <= MOST_SHARED_BYTES;
  }

  /** {@code out = rmsNorm(x) · wᵀ + bias}; see {@link #supportsNorm}. */
  void normLinear(
      CudaTensor x,
      CudaWeight norm,
      float epsilon,
      CudaWeight w,
      @Nullable CudaWeight bias,
      CudaTensor out) {
    start("streaming_norm", x, w);
    LinearArguments.appendEpilogue(launcher, bias, Activation.NONE, out);
    norm(x, norm, epsilon);
    launch(out, OUTPUTS, Math.toIntExact(normBytes(x, w)));
  }

  /** The gated product of a norm; see {@link #supportsNorm}. */
  void normSwiGlu(CudaTensor x, CudaWeight norm, float epsilon, CudaWeight gateUp, CudaTensor out) {
    start("streaming_norm_swiglu", x, gateUp);
    LinearArguments.appendEpilogue(launcher, null, Activation.NONE, out);
    norm(x, norm, epsilon);
    launch(out, GATED_OUTPUTS, Math.toIntExact(normBytes(x, gateUp)));
  }

  private static boolean aligned(CudaTensor x, CudaWeight w) {
    long rowBytes = (long) x.columns() * x.dtype().bytes();
    long address = w.dtype().inBlocks() ? 0 : w.address();
    return (x.address() | address | rowBytes) % ALIGNMENT == 0;
  }

  private void start(String kernel, CudaTensor x, CudaWeight w) {
    launcher
        .kernel(LinearArguments.kernel(kernel, w))
        .matrixProduct(x.rows(), x.columns(), w.rows(), w.dtype())
        .pointer(x.address());
    LinearArguments.appendMatrix(launcher, w).int32(x.rows()).int32(x.columns());
  }

  private void norm(CudaTensor x, CudaWeight norm, float epsilon) {
    launcher
        .pointer(norm.address())
        .int32(CudaNorms.threads(x.columns(), x.dtype().bytes()))
        .float32(epsilon);
  }

  /** Shared memory for a panel of each row. */
  private static int panelBytes(Product product) {
    CudaTensor x = product.x();
    int bytes = x.dtype().bytes();
    long rowBytes = inShared((long) Math.min(x.columns(), PANEL) * bytes, product.w());
    // A float a block, for the sum of its inputs.
    long sumBytes =
        product.w().dtype().inBlocks() ? rowBytes / bytes / Blocks.SIZE * Float.BYTES : 0;
    return Math.toIntExact(x.rows() * (rowBytes + sumBytes));
  }

  /** Shared memory for whole rows, the norm's weight, and what sums it up. */
  private static long normBytes(CudaTensor x, CudaWeight w) {
    long rowBytes = (long) x.columns() * x.dtype().bytes();
    return x.rows() * (inShared(rowBytes, w) + NORM_NUMBERS * Float.BYTES) + rowBytes;
  }

  /** Bytes of shared memory that as many of a row take. */
  private static long inShared(long rowBytes, CudaWeight w) {
    return w.dtype().inBlocks() ? Math.ceilDiv(rowBytes, (long) LINE) * LINE : rowBytes;
  }

  /**
   * Starts it.
   *
   * @param each outputs of a block
   */
  private void launch(CudaTensor out, int each, int sharedBytes) {
    launcher.launch(Math.ceilDiv(out.columns(), each), 1, 1, THREADS, sharedBytes);
  }
}
