package org.pyramiddrop.bench.compare;

import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.Spread;

/**
 * A side's milliseconds.
 *
 * @param rounds of each round, one a row of the contest
 */
record Times(List<List<Double>> rounds) {
  /** Keeps its own copy of the rounds. */
  Times {
    rounds = List.copyOf(rounds);
  }

  /** What a row's times came to. */
  Spread spread(int row) {
    return Spread.of(rounds.stream().map(round -> round.get(row)).toList());
  }

  /** How many times as fast as the other's a row's runs are, round by round. */
  Spread ratios(int row, Times other) {
    return Spread.of(
        IntStream.range(0, rounds.size())
            .mapToObj(i -> other.rounds.get(i).get(row) / rounds.get(i).get(row))
            .toList());
  }
}
