package org.pyramiddrop.bench.pruning;

import java.util.List;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.Spread;

/**
 * What a plan saves of the time, beside what it saves of the work.
 *
 * @param speedup how many times as fast as without drops, round by round
 * @param flopsRatio how many times less arithmetic
 */
public record Saving(Spread speedup, double flopsRatio) {

  /** Sets two lists of times against each other, those of one round together. */
  public static Saving of(
      List<Double> plain, List<Double> pruned, double plainFlops, double prunedFlops) {
    return new Saving(
        Spread.of(
            IntStream.range(0, plain.size())
                .mapToObj(round -> plain.get(round) / pruned.get(round))
                .toList()),
        plainFlops / prunedFlops);
  }

  /** Which part of the saved work came back as time: 1 is all of it. */
  public double paid() {
    return speedup.median() / flopsRatio;
  }

  /** The share of the time without drops. */
  double timeShare() {
    return 1 / speedup.median();
  }

  /** The share of the FLOPs without drops. */
  double flopsShare() {
    return 1 / flopsRatio;
  }
}
