package org.pyramiddrop.kernels.cpu;

import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.rotary.RotaryTable;

/** Cosines and sines, {@code headSize / 2} of each a position. */
final class CpuRotary implements Rotary {
  private final int headSize;
  private final double theta;
  private final int positions;
  private int tabulated;
  private RotaryTable table;

  CpuRotary(int headSize, double theta, int positions) {
    this.headSize = headSize;
    this.theta = theta;
    this.positions = positions;
    tabulated = RotaryTable.length(0, positions);
    table = RotaryTable.of(headSize, theta, tabulated);
  }

  /** Position p, pair c at {@code p · headSize / 2 + c}. */
  float[] cos() {
    return table.cos();
  }

  /** Laid out as {@link #cos}. */
  float[] sin() {
    return table.sin();
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
  public int tabulated() {
    return tabulated;
  }

  @Override
  public void cover(int count) {
    int length = RotaryTable.length(count, positions);
    if (length > tabulated) {
      table = RotaryTable.of(headSize, theta, length);
      tabulated = length;
    }
  }

  @Override
  public void close() {}
}
