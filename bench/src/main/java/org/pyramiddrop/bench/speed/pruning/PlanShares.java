package org.pyramiddrop.bench.speed.pruning;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.pyramiddrop.bench.report.Spread;

/**
 * A plan's prefill by what it was spent on, over some rounds.
 *
 * @param prefillMillis of a prefill with its operations timed
 * @param shares of that prefill, round by round
 */
record PlanShares(String name, Spread prefillMillis, Map<PrefillPart, Spread> shares) {

  static PlanShares of(String name, List<Breakdown> rounds) {
    Map<PrefillPart, Spread> shares = new EnumMap<>(PrefillPart.class);
    for (PrefillPart part : PrefillPart.values()) {
      shares.put(part, Spread.of(rounds, round -> round.share(part)));
    }
    return new PlanShares(name, Spread.of(rounds, round -> round.totalNanos() / 1e6), shares);
  }

  /** A part's share. */
  Spread share(PrefillPart part) {
    return Objects.requireNonNull(shares.get(part));
  }
}
