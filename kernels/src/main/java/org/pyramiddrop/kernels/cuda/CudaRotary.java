package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.Rotary;

/** Cosines and sines in device memory, float32: positions × headSize / 2 of each. */
final class CudaRotary implements Rotary {
  private final CudaTensor both;
  private final int headSize;

  /** Takes over the cosines' rows with the sines' behind them. */
  CudaRotary(CudaTensor both, int headSize) {
    this.both = both;
    this.headSize = headSize;
  }

  /** Where the cosines lie; position p, pair c at {@code p · headSize / 2 + c}. */
  long cos() {
    return both.address();
  }

  /** Where the sines lie, laid out alike. */
  long sin() {
    return both.address() + both.bytes() / 2;
  }

  @Override
  public int headSize() {
    return headSize;
  }

  @Override
  public int positions() {
    return both.rows() / 2;
  }

  @Override
  public void close() {
    both.close();
  }
}
