package org.pyramiddrop.bench.timing;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.stream.IntStream;

/**
 * Runs several sides in rounds: each side once a round, begun by another side than the round
 * before, so that whatever else the machine does meets all of them. The first rounds don't count.
 *
 * @param warmUps rounds that don't count, at least
 * @param warmUpSeconds until when rounds don't count either
 * @param least rounds that count, whatever they take
 * @param seconds of rounds that count after which no further one begins
 * @param pauseMillis behind each run; idle threads spin for a while, and would take cores from
 *     others
 */
public record Rounds(
    int warmUps, double warmUpSeconds, int least, int most, double seconds, long pauseMillis) {
  private static final double MILLIS = 1e3;

  /** Refuses what leaves nothing to take a median of. */
  public Rounds {
    if (most < 1 || !(seconds >= 0)) {
      throw new IllegalArgumentException(
          "no rounds to take a median of: at most %d in %s s".formatted(most, seconds));
    }
  }

  /** As many rounds that count behind as many that don't, without pauses. */
  public static Rounds of(int warmUps, int count) {
    return new Rounds(warmUps, 0, count, count, 0, 0);
  }

  /**
   * Runs all sides.
   *
   * @param sides each runs once and returns what it measured
   * @return for each side what it measured, round by round
   */
  public <T> List<List<T>> run(List<? extends Supplier<? extends T>> sides) {
    List<List<T>> measured = new ArrayList<>();
    sides.forEach(_ -> measured.add(new ArrayList<>()));
    int round = 0;
    for (Stopwatch warmUp = new Stopwatch();
        round < warmUps || warmUp.millis() < warmUpSeconds * MILLIS;
        round++) {
      round(sides, round, measured);
    }
    measured.forEach(List::clear);
    Stopwatch counting = new Stopwatch();
    for (int count = 0;
        count < most && (count < least || counting.millis() <= seconds * MILLIS);
        count++) {
      round(sides, round + count, measured);
    }
    return measured;
  }

  public <T> List<T> run(Supplier<T> side) {
    return this.<T>run(List.of(side)).getFirst();
  }

  private <T> void round(
      List<? extends Supplier<? extends T>> sides, int round, List<List<T>> measured) {
    for (int side : order(round, sides.size())) {
      measured.get(side).add(sides.get(side).get());
      pause();
    }
  }

  /** The order of a round: the round before's, begun by its second. */
  static int[] order(int round, int sides) {
    return IntStream.range(0, sides).map(i -> (round + i) % sides).toArray();
  }

  private void pause() {
    if (pauseMillis == 0) {
      return;
    }
    try {
      Thread.sleep(pauseMillis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted between two runs", e);
    }
  }
}
