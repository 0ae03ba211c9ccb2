package org.pyramiddrop.bench.pruning;

import java.util.List;
import java.util.function.ToDoubleFunction;
import org.pyramiddrop.bench.Spread;

/**
 * What one plan came to.
 *
 * @param work its arithmetic
 * @param keyValueBytes bytes of keys and values, room for the answer included
 * @param prefill milliseconds from token ids and image embeddings to the first token
 * @param step milliseconds from one token to the next
 * @param answer milliseconds from token ids and image embeddings to the last token
 * @param prefillSaving the prefill's time and FLOPs against those without drops
 * @param stepSpeedup how many times as fast a step is as without drops
 * @param answerSaving the answer's time and FLOPs against those without drops
 */
record PlanResult(
    NamedPlan plan,
    PlanWork work,
    long keyValueBytes,
    Spread prefill,
    Spread step,
    Spread answer,
    Saving prefillSaving,
    Spread stepSpeedup,
    Saving answerSaving) {

  /** A plan's runs, one a round. */
  record Rounds(NamedPlan plan, PlanWork work, List<Run> runs) {
    Rounds {
      runs = List.copyOf(runs);
    }

    private List<Double> each(ToDoubleFunction<Run> number) {
      return runs.stream().mapToDouble(number).boxed().toList();
    }
  }

  /**
   * Sums up a plan's runs.
   *
   * @param plain those without drops, in the same rounds
   */
  static PlanResult of(Rounds rounds, Rounds plain) {
    List<Double> prefill = rounds.each(Run::prefillMillis);
    List<Double> step = rounds.each(Run::stepMillis);
    List<Double> answer = rounds.each(Run::answerMillis);
    return new PlanResult(
        rounds.plan,
        rounds.work,
        rounds.runs.getFirst().keyValueBytes(),
        Spread.of(prefill),
        Spread.of(step),
        Spread.of(answer),
        Saving.of(
            plain.each(Run::prefillMillis), prefill, plain.work.prefill(), rounds.work.prefill()),
        // What a step waits for is memory: FLOPs would not say what to expect.
        Saving.of(plain.each(Run::stepMillis), step, 1, 1).speedup(),
        Saving.of(
            plain.each(Run::answerMillis), answer, plain.work.answer(), rounds.work.answer()));
  }
}
