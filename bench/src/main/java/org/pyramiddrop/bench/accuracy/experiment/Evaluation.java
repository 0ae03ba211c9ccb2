package org.pyramiddrop.bench.accuracy.experiment;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.function.BiFunction;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.report.Progress;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * Asks variants of a model every question of a dataset, as far as a journal lacks their answers.
 *
 * <p>Question by question, and each question to one variant after the other, the first of them
 * another one each time: whatever else the machine does meets all alike.
 *
 * @param model answers a question under a plan; throws {@link CancellationException} if its thread
 *     is interrupted
 * @param warmUp how long questions are asked before times count
 */
record Evaluation(
    Dataset dataset,
    BiFunction<Sample, PruningPlan, Answer> model,
    Journal journal,
    Duration warmUp) {
  /**
   * Fills the journal.
   *
   * @param all the variants; those of the same key are asked once
   * @param timed whether times will be compared: a question that was not asked of all variants in
   *     one timed round is then asked of all anew. What was asked untimed, and so without a
   *     warm-up, never counts as a time
   * @throws CancellationException if the thread is interrupted; the journal keeps what was answered
   */
  void run(String title, List<Variant> all, boolean timed) {
    Map<String, Variant> byKey = new LinkedHashMap<>();
    all.forEach(variant -> byKey.putIfAbsent(variant.key(), variant));
    List<Variant> variants = List.copyOf(byKey.values());
    Results results = new Results(dataset, journal);
    List<List<Variant>> missing = new ArrayList<>();
    for (Sample sample : dataset.samples()) {
      if (timed) {
        missing.add(results.round(variants, sample).isEmpty() ? variants : List.of());
      } else {
        missing.add(variants.stream().filter(variant -> !results.has(variant, sample)).toList());
      }
    }
    int asks = missing.stream().mapToInt(List::size).sum();
    if (asks == 0) {
      return;
    }
    if (timed) {
      warmUp(variants);
    }
    try (Progress progress = new Progress(title, asks)) {
      for (int i = 0; i < missing.size(); i++) {
        List<Variant> order = new ArrayList<>(missing.get(i));
        Collections.rotate(order, -i);
        int round = timed ? journal.nextRound() : Journal.UNTIMED;
        for (Variant variant : order) {
          ask(dataset.samples().get(i), variant, round);
          progress.step();
        }
      }
    }
  }

  private void ask(Sample sample, Variant variant, int round) {
    refuseIfInterrupted();
    Answer answer = model.apply(sample, variant.plan());
    journal.add(
        new Journal.Entry(
            round,
            variant.key(),
            sample.id(),
            answer.text(),
            dataset.metric().score(answer.text(), sample.answers()),
            answer.flops().total(),
            answer.timings().prefillMillis(),
            answer.timings().decodeMillis()));
  }

  /** Asks each variant at least one question, so that code is compiled and weights are mapped. */
  private void warmUp(List<Variant> variants) {
    long start = System.nanoTime();
    for (Sample sample : dataset.samples()) {
      for (Variant variant : variants) {
        refuseIfInterrupted();
        Answer _ = model.apply(sample, variant.plan());
      }
      if (System.nanoTime() - start >= warmUp.toNanos()) {
        return;
      }
    }
  }

  private static void refuseIfInterrupted() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("interrupted between two questions");
    }
  }
}
