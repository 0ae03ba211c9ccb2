package org.pyramiddrop.kernels.cuda;

import org.pyramiddrop.kernels.Rotary;

/** Cosines and sines in device memory, float32: positions × headSize / 2 of each. */
final class CudaRotary implements Rotary {
  private final CudaTensor cos;
  private final CudaTensor sin;
  private final int headSize;

  /** Takes both tables over. */
  CudaRotary(CudaTensor cos, CudaTensor sin, int headSize) {
    this.cos = cos;
    this.sin = sin;
    this.headSize = headSize;
  }

  /** Where the cosines lie; position p, pair c at {@code p · headSize / 2 + c}. */
  long cos() {
    return cos.address();
  }

  /** Where the sines lie. */
  long sin() {
    return sin.address();
  }

  @Override
  public int headSize() {
    return headSize;
  }

  @Override
  public int positions() {
    return cos.rows();
  }

  @Override
  public void close() {
    cos.close();
    sin.close();
  }
}
