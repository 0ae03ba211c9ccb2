package org.pyramiddrop.bench.speed.gpu;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.pyramiddrop.bench.model.ModelInput;
import org.pyramiddrop.bench.model.ModelOnDevice;
import org.pyramiddrop.bench.model.RepeatedAnswer;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * Prefills of prompts whose length was not met before, for which memory is taken and work is
 * recorded, beside the next of the same length. Images are encoded before.
 *
 * @param first milliseconds of the first
 * @param again milliseconds of the next
 * @param speed of the first as a share of the next one's, length by length
 */
record NewLengths(Spread first, Spread again, Spread speed) {
  /**
   * Measures.
   *
   * @param prompts one of each length, by a number from 1 on
   * @param lengths how many, at least 1
   */
  static NewLengths of(
      ModelOnDevice model, IntFunction<ModelInput> prompts, int furtherTokens, int lengths) {
    List<Double> first = new ArrayList<>();
    List<Double> again = new ArrayList<>();
    for (int i = 1; i <= lengths; i++) {
      ModelInput prompt = prompts.apply(i);
      Stopwatch stopwatch = new Stopwatch();
      try (RepeatedAnswer answer = model.answer(prompt, PruningPlan.none(), furtherTokens)) {
        double taken = stopwatch.lap();
        answer.encode();
        stopwatch.lap();
        answer.prefill();
        first.add(taken + stopwatch.lap());
        answer.prefill();
        again.add(stopwatch.lap());
      }
    }
    return new NewLengths(Spread.of(first), Spread.of(again), Spread.ofRatios(again, first));
  }

  Table<?> table() {
    return new Table<>("a prompt of a length not met before, no drops", List.of(this))
        .column("", _ -> "prefill")
        .spread("median ms", NewLengths::first)
        .spread("of the next of that length", NewLengths::again)
        .ratios("the first, times as fast", NewLengths::speed)
        .note(
            "lengths a token apart, so that products are measured already; the first takes memory and"
                + " is recorded behind its run");
  }
}
