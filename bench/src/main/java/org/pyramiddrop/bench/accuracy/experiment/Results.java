package org.pyramiddrop.bench.accuracy.experiment;

import static java.util.stream.Collectors.toMap;

import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.accuracy.dataset.PopeReport;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.training.chart.LineChart;

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
  record Times(Variant variant, Spread millis, Spread speedup) {}

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

  private List<Journal.Entry> answers(Variant variant) {
    return dataset.samples().stream().map(sample -> answer(variant, sample)).toList();
  }

  Accuracy accuracy(Variant variant) {
    double right = answers(variant).stream().mapToDouble(Journal.Entry::score).sum();
    return new Accuracy(right, dataset.samples().size());
  }

  /**
   * What POPE reports of a variant's answers.
   *
   * @throws IllegalArgumentException if an accepted answer is neither yes nor no
   */
  PopeReport pope(Variant variant) {
    return PopeReport.of(
        answers(variant).stream().map(Journal.Entry::answer).toList(),
        dataset.samples().stream().map(sample -> sample.answers().getFirst()).toList());
  }

  /** The honest count of a prompt, the mean over the questions. */
  double flops(Variant variant) {
    return answers(variant).stream().mapToDouble(Journal.Entry::flops).average().orElseThrow();
  }

  /**
   * The answers to a question in the last timed round that all variants took part in.
   *
   * @return one a variant, in their order; none if there was no such round
   */
  List<Journal.Entry> round(List<Variant> variants, Sample sample) {
    List<Map<Integer, Journal.Entry>> each =
        variants.stream()
            .map(variant ->
                journal.entries(variant.key(), sample.id()).stream()
                    .filter(entry -> entry.round() != Journal.UNTIMED)
                    .collect(toMap(Journal.Entry::round, Function.identity(), (_, last) -> last)))
            .toList();
    TreeSet<Integer> common = new TreeSet<>(each.getFirst().keySet());
    each.forEach(rounds -> common.retainAll(rounds.keySet()));
    return common.isEmpty()
        ? List.of()
        : each.stream().map(rounds -> rounds.get(common.last())).toList();
  }

  List<Times> times(List<Variant> variants) {
    List<List<Journal.Entry>> rounds =
        dataset.samples().stream().map(sample -> round(variants, sample)).toList();
    return IntStream.range(0, variants.size())
        .mapToObj(i ->
            new Times(
                variants.get(i),
                Spread.of(rounds, round -> round.get(i).prefillMillis()),
                Spread.of(
                    rounds,
                    round -> round.getFirst().prefillMillis() / round.get(i).prefillMillis())))
        .toList();
  }

  LineChart chart(String title, String across) {
    return new LineChart(title, across, dataset.metric().label() + ", %");
  }

  LineChart.Point point(double x, Variant variant) {
    return new LineChart.Point(x, 100 * accuracy(variant).share());
  }
}
