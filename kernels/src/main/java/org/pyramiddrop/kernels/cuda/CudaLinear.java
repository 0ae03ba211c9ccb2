package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Transposed;
import org.pyramiddrop.kernels.Activation;

/**
 * Linear layers and the gated product: a few rows stream the weights; more are done by the
 * algorithm that was measured to be fastest, cuBLASLt's or one of ours.
 */
final class CudaLinear {
  private final CudaStreaming streaming;
  private final ProductAlgorithms algorithms;
  private final @Nullable ProductTuner tuner;
  private final LibraryUse library;

  /**
   * Linear layers on one GPU.
   *
   * @param library what cuBLASLt may do
   * @param tuner chooses algorithms; without one nothing is measured
   */
  CudaLinear(
      CudaStreaming streaming,
      ProductAlgorithms algorithms,
      LibraryUse library,
      @Nullable ProductTuner tuner) {
    this.streaming = streaming;
    this.algorithms = algorithms;
    this.library = library;
    this.tuner = tuner;
  }

  /** {@code out = activation(x · wᵀ + bias)}; out may be float32 whatever x is. */
  void linear(
      CudaTensor x,
      CudaWeight w,
      @Nullable CudaWeight bias,
      Activation activation,
      CudaTensor out) {
    multiply(new Product(Transposed.W, x, w, bias, activation, out, false, null, library));
  }

  /**
   * {@code dx = dy · w}, or {@code dx += dy · w}.
   *
   * @throws IllegalArgumentException if w is in blocks
   */
  void input(CudaTensor dy, CudaWeight w, boolean add, CudaTensor dx) {
    if (w.dtype().inBlocks()) {
      throw new IllegalArgumentException(
          "a GPU doesn't train through weights of %s: use float weights, or --backend cpu"
              .formatted(w.dtype().label()));
    }
    Activation activation = add ? Activation.ADD : Activation.NONE;
    multiply(new Product(Transposed.NONE, dy, w, null, activation, dx, false, null, library));
  }

  /** {@code gradient += dyᵀ · x}; gradient is float32. */
  void weight(CudaTensor x, CudaTensor dy, CudaTensor gradient) {
    CudaWeight w = CudaWeight.of(x);
    multiply(
        new Product(Transposed.X, dy, w, null, Activation.ADD, gradient, false, null, library));
  }

  /** {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}. */
  void swiGlu(CudaTensor x, CudaWeight gateUp, CudaTensor out) {
    gated(x, null, gateUp, out);
  }

  /** Whether the RMS norm of as many rows is part of a product, which quantises it. */
  boolean supportsNorm(CudaTensor x, CudaWeight w) {
    return library.quantizes(x.rows(), w);
  }

  /** {@code out = rmsNorm(x) · wᵀ + bias}; see {@link #supportsNorm}. */
  void normLinear(
      CudaTensor x, Product.Norm norm, CudaWeight w, @Nullable CudaWeight bias, CudaTensor out) {
    multiply(new Product(Transposed.W, x, w, bias, Activation.NONE, out, false, norm, library));
  }

  /** The gated product of a norm; see {@link #supportsNorm}. */
  void normSwiGlu(CudaTensor x, Product.Norm norm, CudaWeight gateUp, CudaTensor out) {
    gated(x, norm, gateUp, out);
  }

  private void gated(CudaTensor x, Product.@Nullable Norm norm, CudaWeight gateUp, CudaTensor out) {
    multiply(new Product(Transposed.W, x, gateUp, null, Activation.NONE, out, true, norm, library));
  }

  private void multiply(Product product) {
    // Of no tokens there are no rows, or nothing to add.
    if (product.x().rows() == 0) {
      return;
    }
    if (product.transposed() == Transposed.W && product.rows() <= CudaStreaming.MOST_ROWS) {
      streaming.multiply(product);
    } else {
      algorithms.run(
          product, tuner == null ? algorithms.defaultFor(product) : tuner.algorithm(product));
    }
  }

  /** To be called before a capture, so that the products it leaves unmeasured are known. */
  void beforeCapture() {
    if (tuner != null) {
      tuner.clearPending();
    }
  }

  /**
   * To be called after a capture: measures the products in it that were never measured.
   *
   * @return whether there were any, so that the capture has to be made again
   */
  boolean afterCapture() {
    if (tuner == null || !tuner.hasPending()) {
      return false;
    }
    tuner.tunePending();
    return true;
  }
}
