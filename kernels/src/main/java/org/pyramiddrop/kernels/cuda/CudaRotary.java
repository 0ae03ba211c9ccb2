package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.pyramiddrop.kernels.Rotary;
import org.pyramiddrop.kernels.rotary.RotaryTable;

/**
 * Cosines and sines in device memory, float32: positions × headSize / 2 of each. A longer table
 * lies elsewhere, and the shorter ones stay for the graphs that hold their addresses: together they
 * are no longer than the last.
 */
final class CudaRotary implements Rotary {
  private final int headSize;
  private final int positions;
  private final IntFunction<CudaTensor> tabulate;
  private final List<CudaTensor> tables = new ArrayList<>();

  /**
   * Tabulates the first positions.
   *
   * @param tabulate gives the cosines' rows of so many positions with the sines' behind them
   */
  CudaRotary(int headSize, int positions, IntFunction<CudaTensor> tabulate) {
    this.headSize = headSize;
    this.positions = positions;
    this.tabulate = tabulate;
    tables.add(tabulate.apply(RotaryTable.length(0, positions)));
  }

  /** Where the cosines lie; position p, pair c at {@code p · headSize / 2 + c}. */
  long cos() {
    return tables.getLast().address();
  }

  /** Where the sines lie, laid out alike. */
  long sin() {
    return tables.getLast().address() + tables.getLast().bytes() / 2;
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
    return tables.getLast().rows() / 2;
  }

  @Override
  public void cover(int count) {
    int length = RotaryTable.length(count, positions);
    if (length > tabulated()) {
      tables.add(tabulate.apply(length));
    }
  }

  @Override
  public void close() {
    tables.forEach(CudaTensor::close);
  }
}
