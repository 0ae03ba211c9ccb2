package org.pyramiddrop.bench.gpu;

import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.Spread;

/**
 * What an answer's parts came to, and the whole answer.
 *
 * @param vision from pixels in host memory to the picture's embeddings
 * @param prefill from token ids in host memory to the first token
 * @param step from one token to the next, each run's mean
 * @param answer from pixels to the last token
 */
record Phases(Spread vision, Spread prefill, Spread step, Spread answer) {

  /** The parts of one run; milliseconds, or ratios of two runs'. */
  record Run(double vision, double prefill, double step, double answer) {
    /** How many times as long each part of another run took. */
    Run ratio(Run other) {
      return new Run(
          other.vision / vision, other.prefill / prefill, other.step / step, other.answer / answer);
    }
  }

  /** Sums up runs. */
  static Phases of(List<Run> runs) {
    return new Phases(
        spread(runs, Run::vision),
        spread(runs, Run::prefill),
        spread(runs, Run::step),
        spread(runs, Run::answer));
  }

  /** How many times as long runs took as ours in the same rounds did. */
  static Phases ratios(List<Run> ours, List<Run> theirs) {
    return of(
        IntStream.range(0, ours.size())
            .mapToObj(round -> ours.get(round).ratio(theirs.get(round)))
            .toList());
  }

  private static Spread spread(List<Run> runs, ToDoubleFunction<Run> part) {
    return Spread.of(runs.stream().mapToDouble(part).boxed().toList());
  }
}
