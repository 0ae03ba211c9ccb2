package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.check.RotaryTable;

/** Cosines and sines, {@code headSize / 2} of each a position. */
final class CpuRotary implements Rotary {
  private final int headSize;
  private final int positions;

  /** Position p, pair c at {@code p · headSize / 2 + c}; sines likewise. */
  private final float[] cos;

  private final float[] sin;

  private CpuRotary(int headSize, int positions, RotaryTable table) {
    this.headSize = headSize;
    this.positions = positions;
    cos = table.cos();
    sin = table.sin();
  }

  static CpuRotary tabulate(int headSize, double theta, int positions) {
    return new CpuRotary(headSize, positions, RotaryTable.of(headSize, theta, positions));
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
