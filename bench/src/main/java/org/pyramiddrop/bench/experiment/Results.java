package org.pyramiddrop.bench.experiment;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.dataset.Dataset;
import org.pyramiddrop.bench.dataset.PopeReport;
import org.pyramiddrop.bench.dataset.Sample;

/**
 * What a journal says about a dataset.
 *
 * <p>Answers, scores and counts are the same whenever they are asked for. Times are of one round: a
 * question that all variants were asked in a row.
 */
record Results(Dataset dataset, Journal journal) {

  /**
   * The prefill times of a variant.
   *
   * @param millis over all questions
   * @param speedup how many times as fast as the first variant, question by question
   */
  record Times(Spread millis, Spread speedup) {}

  /** Whether a variant has answered a question. */
  boolean has(Variant variant, Sample sample) {
    return !journal.entries(variant.key(), sample.id()).isEmpty();
  }

  /**
   * A variant's answer.
   *
   * @throws NoSuchElementException if it was not asked
   */
  Journal.Entry answer(Variant variant, Sample sample) {
    return journal.entries(variant.key(), sample.id()).getFirst();
  }

  /** How many questions a variant answered right. */
  Accuracy accuracy(Variant variant) {
    double right = 0;
    for (Sample sample : dataset.samples()) {
      right += answer(variant, sample).score();
    }
    return new Accuracy(right, dataset.samples().size());
  }

  /**
   * What POPE reports of a variant's answers.
   *
   * @throws IllegalArgumentException if an accepted answer is neither yes nor no
   */
  PopeReport pope(Variant variant) {
    List<Sample> samples = dataset.samples();
    return PopeReport.of(
        samples.stream().map(sample -> answer(variant, sample).answer()).toList(),
        samples.stream().map(sample -> sample.answers().getFirst()).toList());
  }

  /** The honest count of a prompt, the mean over the questions. */
  double flops(Variant variant) {
    return dataset.samples().stream()
        .mapToDouble(sample -> answer(variant, sample).flops())
        .average()
        .orElseThrow();
  }

  /**
   * The answers to a question in the last timed round that all variants took part in.
   *
   * @return one a variant, in their order; none if there was no such round
   */
  List<Journal.Entry> round(List<Variant> variants, Sample sample) {
    List<Map<Integer, Journal.Entry>> each = new ArrayList<>();
    for (Variant variant : variants) {
      each.add(
          journal.entries(variant.key(), sample.id()).stream()
              .filter(entry -> entry.round() != Journal.UNTIMED)
              .collect(
                  Collectors.toMap(Journal.Entry::round, Function.identity(), (_, last) -> last)));
    }
    TreeSet<Integer> common = new TreeSet<>(each.getFirst().keySet());
    each.forEach(rounds -> common.retainAll(rounds.keySet()));
    return common.isEmpty()
        ? List.of()
        : each.stream().map(rounds -> rounds.get(common.last())).toList();
  }

  /** The times of all variants, in their order. */
  List<Times> times(List<Variant> variants) {
    List<List<Journal.Entry>> rounds =
        dataset.samples().stream().map(sample -> round(variants, sample)).toList();
    List<Times> times = new ArrayList<>();
    for (int i = 0; i < variants.size(); i++) {
      int variant = i;
      times.add(
          new Times(
              Spread.of(rounds.stream().map(round -> round.get(variant).prefillMillis()).toList()),
              Spread.of(
                  rounds.stream()
                      .map(round ->
                          round.getFirst().prefillMillis() / round.get(variant).prefillMillis())
                      .toList())));
    }
    return times;
  }
}
