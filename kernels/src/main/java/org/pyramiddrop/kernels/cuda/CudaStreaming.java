package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/** Products of a few rows, where reading the weights is all the work: {@code streaming.cu}. */
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
    String suffix = product.aligned() ? "" : "_scalar";
    start((product.gated() ? "streaming_swiglu" : "streaming") + suffix, x, product.w());
    LinearArguments.appendEpilogue(launcher, product.bias(), product.activation(), product.out());
    launch(product.out(), product.gated() ? GATED_OUTPUTS : OUTPUTS, panelBytes(x));
  }

  /** Whether a product of a norm can be one kernel. */
  boolean supportsNorm(CudaTensor x, CudaWeight norm, CudaWeight w) {
    return x.rows() >= 1
        && x.rows() <= MOST_ROWS
        && aligned(x, w)
        && norm.address() % ALIGNMENT == 0
        && normBytes(x) <= MOST_SHARED_BYTES;
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
    launch(out, OUTPUTS, Math.toIntExact(normBytes(x)));
  }

  /** The gated product of a norm; see {@link #supportsNorm}. */
  void normSwiGlu(CudaTensor x, CudaWeight norm, float epsilon, CudaWeight gateUp, CudaTensor out) {
    start("streaming_norm_swiglu", x, gateUp);
    LinearArguments.appendEpilogue(launcher, null, Activation.NONE, out);
    norm(x, norm, epsilon);
    launch(out, GATED_OUTPUTS, Math.toIntExact(normBytes(x)));
  }

  private static boolean aligned(CudaTensor x, CudaWeight w) {
    long rowBytes = (long) x.columns() * x.dtype().bytes();
    return (x.address() | w.address() | rowBytes) % ALIGNMENT == 0;
  }

  private void start(String kernel, CudaTensor x, CudaWeight w) {
    launcher
        .kernel(kernel)
        .matrixProduct(x.rows(), x.columns(), w.rows())
        .pointer(x.address())
        .pointer(w.address())
        .int32(x.rows())
        .int32(x.columns());
  }

  private void norm(CudaTensor x, CudaWeight norm, float epsilon) {
    launcher
        .pointer(norm.address())
        .int32(CudaNorms.threads(x.columns(), x.dtype().bytes()))
        .float32(epsilon);
  }

  /** Shared memory for a panel of each row. */
  private static int panelBytes(CudaTensor x) {
    return x.rows() * Math.min(x.columns(), PANEL) * x.dtype().bytes();
  }

  /** Shared memory for whole rows, the norm's weight, and what sums it up. */
  private static long normBytes(CudaTensor x) {
    long rowBytes = (long) x.columns() * x.dtype().bytes();
    return (x.rows() + 1) * rowBytes + (long) x.rows() * NORM_NUMBERS * Float.BYTES;
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
