package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.Rotary;

/** Cosines and sines, {@code headSize / 2} of each a position. */
final class CpuRotary implements Rotary {
  private final int headSize;
  private final int positions;

  /** Position p, pair c at {@code p · headSize / 2 + c}; sines likewise. */
  private final float[] cos;

  private final float[] sin;

  private CpuRotary(int headSize, int positions, float[] cos, float[] sin) {
    this.headSize = headSize;
    this.positions = positions;
    this.cos = cos;
    this.sin = sin;
  }

  static CpuRotary tabulate(int headSize, double theta, int positions) {
    int half = headSize / 2;
    float[] cos = new float[Math.multiplyExact(positions, half)];
    float[] sin = new float[cos.length];
    for (int c = 0; c < half; c++) {
      // The reference rounds each step to float32: at position 4000 an exact frequency would turn
      // by
      // another angle, 2e-4 away.
      float frequency = 1 / (float) Math.pow(theta, 2f * c / headSize);
      for (int p = 0; p < positions; p++) {
        float angle = p * frequency;
        cos[p * half + c] = (float) Math.cos(angle);
        sin[p * half + c] = (float) Math.sin(angle);
      }
    }
    return new CpuRotary(headSize, positions, cos, sin);
  }

  float[] cos() {
    return cos;
  }

  float[] sin() {
    return sin;
  }

  @Override
  public int headSize() {
    return headSize;
  }

  @Override
  public int positions() {
    return positions;
  }

  @Override
  public void close() {}
}
