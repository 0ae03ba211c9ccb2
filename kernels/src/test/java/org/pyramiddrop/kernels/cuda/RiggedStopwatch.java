package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;

/**
 * A stopwatch by which one algorithm wins: that of a number, counted from 0 in the order in which
 * they are first timed. Of the others the earlier are faster.
 */
final class RiggedStopwatch implements Stopwatch {
  private final int number;
  private final boolean works;
  private final List<ProductAlgorithm> timed = new ArrayList<>();
  private int runs;

  /**
   * A stopwatch for one GPU.
   *
   * @param works whether it does what it times, or saves itself the trouble
   */
  RiggedStopwatch(int number, boolean works) {
    this.number = number;
    this.works = works;
  }

  @Override
  public float millis(ProductAlgorithm algorithm, Runnable work) {
    runs++;
    if (works) {
      work.run();
    }
    if (!timed.contains(algorithm)) {
      timed.add(algorithm);
    }
    int at = timed.indexOf(algorithm);
    return at == number ? 1 : at + 2;
  }

  /** How many runs were timed. */
  int runs() {
    return runs;
  }

  /** How many algorithms were timed. */
  int algorithms() {
    return timed.size();
  }

  boolean isWinner(ProductAlgorithm algorithm) {
    return timed.indexOf(algorithm) == number;
  }

  /** The winner, once it was timed. */
  ProductAlgorithm winner() {
    return timed.get(number);
  }
}
