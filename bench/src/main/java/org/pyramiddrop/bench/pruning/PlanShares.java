package org.pyramiddrop.bench.pruning;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.pyramiddrop.bench.Spread;

/**
 * A plan's prefill by what it was spent on, over some rounds.
 *
 * @param prefill milliseconds of a prefill with its operations timed
 * @param shares of that prefill, round by round
 */
record PlanShares(NamedPlan plan, Spread prefill, Map<Part, Spread> shares) {

  static PlanShares of(NamedPlan plan, List<Breakdown> rounds) {
    Map<Part, Spread> shares = new EnumMap<>(Part.class);
    for (Part part : Part.values()) {
      shares.put(part, Spread.of(rounds.stream().map(round -> round.share(part)).toList()));
    }
    return new PlanShares(
        plan, Spread.of(rounds.stream().map(round -> round.totalNanos() / 1e6).toList()), shares);
  }

  /** A part's share. */
  Spread share(Part part) {
    return Objects.requireNonNull(shares.get(part));
  }
}
