package org.pyramiddrop.bench.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Runs sides in turn, so that whatever else the machine does meets all of them.
 *
 * @param warmUpSeconds until which rounds don't count; 0 for none
 * @param least rounds that count, whatever they take
 * @param most rounds that count
 * @param seconds of rounds that count after which no further one begins
 * @param pauseMillis between runs; idle threads spin for a while, and would take cores from others
 */
record Rounds(double warmUpSeconds, int least, int most, double seconds, long pauseMillis) {
  private static final double NANOS = 1e9;

  /** Refuses what leaves nothing to take a median of. */
  Rounds {
    if (most < 1) {
      throw new IllegalArgumentException("--repetitions must be at least 1, not " + most);
    }
    if (!(seconds >= 0)) {
      throw new IllegalArgumentException("--seconds must not be negative, not " + seconds);
    }
  }

  /**
   * Runs all sides once a round.
   *
   * @param sides each runs once and returns its times
   * @return each side's times, in the order of {@code sides}
   */
  List<Times> run(List<Supplier<List<Double>>> sides) {
    long start = System.nanoTime();
    if (warmUpSeconds > 0) {
      do {
        round(sides);
      } while ((System.nanoTime() - start) / NANOS < warmUpSeconds);
    }
    List<List<List<Double>>> rounds = new ArrayList<>();
    start = System.nanoTime();
    while (rounds.size() < most
        && (rounds.size() < least || (System.nanoTime() - start) / NANOS <= seconds)) {
      rounds.add(round(sides));
    }
    return IntStream.range(0, sides.size())
        .mapToObj(side -> new Times(rounds.stream().map(round -> round.get(side)).toList()))
        .toList();
  }

  private List<List<Double>> round(List<Supplier<List<Double>>> sides) {
    List<List<Double>> times = new ArrayList<>();
    for (Supplier<List<Double>> side : sides) {
      times.add(side.get());
      pause();
    }
    return times;
  }

  private void pause() {
    try {
      Thread.sleep(pauseMillis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new PeerProcess.Failure("interrupted");
    }
  }
}
