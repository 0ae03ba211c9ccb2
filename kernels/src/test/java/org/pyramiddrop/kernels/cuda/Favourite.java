package org.pyramiddrop.kernels.cuda;

import java.util.ArrayList;
import java.util.List;

/**
 * A stopwatch by which one way is the fastest: one of those it has met, by its number from 0. Of
 * the others those met earlier are faster.
 */
final class Favourite implements Stopwatch {
  private final int number;
  private final boolean works;
  private final List<Way> met = new ArrayList<>();
  private int asked;

  /**
   * A stopwatch for one GPU.
   *
   * @param works whether it does what it times, or saves itself the trouble
   */
  Favourite(int number, boolean works) {
    this.number = number;
    this.works = works;
  }

  @Override
  public float millis(Way way, Runnable work) {
    asked++;
    if (works) {
      work.run();
    }
    if (!met.contains(way)) {
      met.add(way);
    }
    int at = met.indexOf(way);
    return at == number ? 1 : at + 2;
  }

  /** How many runs were timed. */
  int asked() {
    return asked;
  }

  /** How many ways there were. */
  int met() {
    return met.size();
  }

  boolean isFavourite(Way way) {
    return met.indexOf(way) == number;
  }

  /** The favourite, once it was met. */
  Way way() {
    return met.get(number);
  }
}
