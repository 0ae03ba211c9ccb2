package org.pyramiddrop.kernels.cuda;

import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;

/**
 * Linear layers and the gated product: a few rows stream the weights; more are done by the
 * algorithm that was measured to be fastest, cuBLASLt's or one of ours.
 */
final class CudaLinear {
  private final CudaStreaming streaming;
  private final ProductAlgorithms algorithms;
  private final @Nullable ProductTuner tuner;
  private final boolean libraryAdds;

  /**
   * Linear layers on one GPU.
   *
   * @param libraryAdds whether cuBLASLt adds residuals of two bytes
   * @param tuner chooses algorithms; without one nothing is measured
   */
  CudaLinear(
      CudaStreaming streaming,
      ProductAlgorithms algorithms,
      boolean libraryAdds,
      @Nullable ProductTuner tuner) {
    this.streaming = streaming;
    this.algorithms = algorithms;
    this.libraryAdds = libraryAdds;
    this.tuner = tuner;
  }

  /** {@code out = activation(x · wᵀ + bias)}; out may be float32 whatever x is. */
  void linear(
      CudaTensor x,
      CudaWeight w,
      @Nullable CudaWeight bias,
      Activation activation,
      CudaTensor out) {
    multiply(new Product(x, w, bias, activation, out, false, libraryAdds));
  }

  /** {@code out = silu(x · gateᵀ) ∘ (x · upᵀ)}. */
  void swiGlu(CudaTensor x, CudaWeight gateUp, CudaTensor out) {
    multiply(new Product(x, gateUp, null, Activation.NONE, out, true, libraryAdds));
  }

  private void multiply(Product product) {
    if (product.rows() == 0) {
      return;
    }
    if (product.rows() <= CudaStreaming.MOST_ROWS) {
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
