package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.Rotary;

/**
 * Cosines and sines, {@code headSize / 2} of each a position.
 *
 * @param headSize channels of one head
 * @param positions how many positions are tabulated
 * @param cos position p, pair c at {@code p · headSize / 2 + c}
 * @param sin likewise
 */
record CpuRotary(int headSize, int positions, float[] cos, float[] sin) implements Rotary {
  static CpuRotary tabulate(int headSize, double theta, int positions) {
    int half = headSize / 2;
    float[] cos = new float[Math.multiplyExact(positions, half)];
    float[] sin = new float[cos.length];
    for (int c = 0; c < half; c++) {
      // Frequencies and angles are float32 in the reference; a double angle would differ at
      // position 4000.
      float frequency = (float) (1 / Math.pow(theta, 2.0 * c / headSize));
      for (int p = 0; p < positions; p++) {
        float angle = p * frequency;
        cos[p * half + c] = (float) Math.cos(angle);
        sin[p * half + c] = (float) Math.sin(angle);
      }
    }
    return new CpuRotary(headSize, positions, cos, sin);
  }

  @Override
  public void close() {}
}
