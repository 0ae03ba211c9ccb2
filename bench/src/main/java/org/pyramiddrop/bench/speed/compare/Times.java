package org.pyramiddrop.bench.speed.compare;

import java.util.List;
import org.pyramiddrop.bench.report.Spread;

/**
 * A side's milliseconds.
 *
 * @param rounds of each round, one a row of the comparison
 */
record Times(List<List<Double>> rounds) {
  /** Keeps its own copy of the rounds. */
  Times {
    rounds = List.copyOf(rounds);
  }

  private List<Double> row(int row) {
    return rounds.stream().map(round -> round.get(row)).toList();
  }

  /** What a row's times came to. */
  Spread spread(int row) {
    return Spread.of(row(row));
  }

  /** How many times as fast as the other's a row's runs are, round by round. */
  Spread ratios(int row, Times other) {
    return Spread.ofRatios(other.row(row), row(row));
  }
}
