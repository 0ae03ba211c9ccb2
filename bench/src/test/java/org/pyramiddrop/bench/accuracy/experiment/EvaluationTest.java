package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.accuracy.dataset.Metric;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

class EvaluationTest {
  private static final ModelPlans PLANS = ModelPlans.of(ModelShape.LLAVA_7B);

  @TempDir private Path temp;

  private final Dataset dataset = FakeAnswers.dataset(11);
  private final long seed = new Random().nextLong();

  private static Experiment figure1() {
    return Figure1.of(PLANS, List.of(2, 8), List.of(1.0, 0.5, 0.0));
  }

  private static Experiment table5() {
    return PlanTable.of(
        "table-5", "Table 5", List.of(PLANS.vanilla(), PLANS.halvingFastV(2), PLANS.pyramid(0.5)));
  }

  private Journal journal(String folder) {
    return Journal.open(temp.resolve(folder).resolve("answers.jsonl"), FakeAnswers.facts(), false);
  }

  private void run(
      String folder, BiFunction<Sample, PruningPlan, Answer> answers, Experiment experiment) {
    try (Journal journal = journal(folder)) {
      new Evaluation(dataset, answers, journal, Duration.ZERO)
          .run("", experiment.variants(), experiment.timed());
      StringWriter out = new StringWriter();
      experiment.report(
          new Results(dataset, journal),
          new Report(temp.resolve(folder), new PrintWriter(out), List.of()));
    }
  }

  @Test
  void aRunThatDiedGoesOnToTheSameCsvAndAsksOnlyWhatIsMissing() throws IOException {
    FakeAnswers whole = new FakeAnswers(seed);
    run("whole", whole, figure1());
    int asks = 11 * 5; // 2 × 2 drops, and one run without
    assertThat(whole.asked()).hasSize(asks).doesNotHaveDuplicates();
    Path csv = temp.resolve("whole/figure-1.csv");
    assertThat(Files.readAllLines(csv)).hasSize(1 + 2 * 3);
    for (int died : List.of(0, 1, new Random(seed).nextInt(2, asks - 1), asks - 1)) {
      String folder = "died after " + died;
      FakeAnswers first = new FakeAnswers(seed, died);
      assertThatThrownBy(() -> run(folder, first, figure1()))
          .isInstanceOf(FakeAnswers.GaveUp.class);
      assertThat(temp.resolve(folder).resolve("figure-1.csv")).doesNotExist();
      Files.writeString(
          temp.resolve(folder).resolve("answers.jsonl"),
          "{\"round\":0,\"plan\":\"576 thr",
          StandardOpenOption.APPEND);
      FakeAnswers second = new FakeAnswers(seed);
      run(folder, second, figure1());
      assertThat(second.asked()).hasSize(asks - died).noneMatch(first.asked()::contains);
      assertThat(temp.resolve(folder).resolve("figure-1.csv"))
          .as("seed %d, died after %d", seed, died)
          .hasSameBinaryContentAs(csv);
    }
  }

  @Test
  void aTimedRunThatDiedAsksTheQuestionItDiedInAnewOfAllPlans() {
    int warmUp = 3;
    assertThatThrownBy(() -> run("died", new FakeAnswers(seed, warmUp + 3 * 4 + 2), table5()))
        .isInstanceOf(FakeAnswers.GaveUp.class);
    FakeAnswers rest = new FakeAnswers(seed);
    run("died", rest, table5());
    assertThat(rest.asked()).hasSize(warmUp + (11 - 4) * 3);
    run("whole", new FakeAnswers(seed), table5());
    assertThat(temp.resolve("died/table-5.csv"))
        .hasSameBinaryContentAs(temp.resolve("whole/table-5.csv"));
    FakeAnswers nothingMore = new FakeAnswers(seed);
    run("died", nothingMore, table5());
    assertThat(nothingMore.asked()).isEmpty();
  }

  @Test
  void experimentsShareAnswersButTimesAreOfOneRound() {
    run("both", new FakeAnswers(seed), figure1());
    FakeAnswers table = new FakeAnswers(seed);
    run("both", table, table5());
    assertThat(table.asked()).hasSize(3 + 11 * 3);
    FakeAnswers figure = new FakeAnswers(seed);
    run("both", figure, Figure1.of(PLANS, List.of(2), List.of(1.0, 0.5, 0.25)));
    assertThat(figure.asked()).hasSize(11);
    try (Journal journal = journal("both")) {
      Results results = new Results(dataset, journal);
      dataset
          .samples()
          .forEach(sample ->
              assertThat(
                      results.round(table5().variants(), sample).stream().map(Journal.Entry::round))
                  .hasSize(3)
                  .containsOnly(
                      journal.entries(PLANS.pyramid(0.5).key(), sample.id()).getFirst().round()));
    }
  }

  @Test
  void whatWasAskedUntimedNeverCountsAsATime() {
    try (Journal journal = journal("untimed")) {
      List<Variant> variants = table5().variants();
      new Evaluation(dataset, new FakeAnswers(seed), journal, Duration.ZERO)
          .run("", variants, false);
      Results results = new Results(dataset, journal);
      assertThat(dataset.samples())
          .allMatch(sample -> results.has(variants.getFirst(), sample))
          .allMatch(sample -> results.round(variants, sample).isEmpty());
      FakeAnswers timed = new FakeAnswers(seed);
      new Evaluation(dataset, timed, journal, Duration.ZERO).run("", variants, true);
      assertThat(timed.asked()).hasSize(3 + 11 * 3);
      assertThat(dataset.samples()).allMatch(sample -> results.round(variants, sample).size() == 3);
    }
  }

  @Test
  void eachQuestionIsAskedOfAllPlansInARowTheFirstInTurn() {
    FakeAnswers answers = new FakeAnswers(seed);
    run("order", answers, table5());
    List<String> asked = answers.asked().subList(3, answers.asked().size());
    List<String> first = new ArrayList<>();
    for (int question = 0; question < 11; question++) {
      List<String> row = asked.subList(3 * question, 3 * question + 3);
      String sample = row.getFirst().substring(0, row.getFirst().indexOf(' '));
      assertThat(row).doesNotHaveDuplicates().allMatch(ask -> ask.startsWith(sample + " "));
      first.add(row.getFirst().substring(sample.length()));
    }
    assertThat(new HashSet<>(first.subList(0, 3))).hasSize(3);
    assertThat(first.subList(3, 6)).isEqualTo(first.subList(0, 3));
  }

  @Test
  void anInterruptedThreadLeavesAJournalThatGoesOn() {
    FakeAnswers answers = new FakeAnswers(seed);
    BiFunction<Sample, PruningPlan, Answer> interrupting =
        (sample, plan) -> {
          if (answers.asked().size() == 6) {
            Thread.currentThread().interrupt();
          }
          return answers.apply(sample, plan);
        };
    assertThatThrownBy(() -> run("stopped", interrupting, figure1()))
        .isInstanceOf(CancellationException.class);
    assertThat(Thread.interrupted()).isTrue();
    FakeAnswers rest = new FakeAnswers(seed);
    run("stopped", rest, figure1());
    assertThat(rest.asked()).hasSize(11 * 5 - 7);
  }

  @Test
  void tablesOfPopeSayWhatPopeReports() throws IOException {
    Dataset pope =
        new Dataset(
            "pope",
            Stream.of("yes", "yes", "yes", "no", "no")
                .map(label ->
                    new Sample(UUID.randomUUID().toString(), temp, "is it ?", List.of(label)))
                .toList(),
            Metric.POPE_ACCURACY,
            "");
    List<String> answers = List.of("Yes.", "yes", "no", "Yes, it is.", "No, not at all");
    Experiment table =
        PlanTable.of("table-5", "Table 5", List.of(PLANS.vanilla(), PLANS.pyramid(0.5)));
    try (Journal journal = journal("pope")) {
      for (Variant variant : table.variants()) {
        for (int i = 0; i < answers.size(); i++) {
          String sample = pope.samples().get(i).id();
          journal.add(new Journal.Entry(i, variant.key(), sample, answers.get(i), 1, 1, 1, 1));
        }
      }
      table.report(
          new Results(pope, journal),
          new Report(temp, new PrintWriter(new StringWriter()), List.of()));
    }
    assertThat(temp.resolve("table-5-pope.csv"))
        .hasContent(
            """
            plan,accuracy,precision,recall,f1,yes_ratio
            vanilla,0.6000,0.6667,0.6667,0.6667,0.6000
            PyramidDrop λ=0.5,0.6000,0.6667,0.6667,0.6667,0.6000
            """);
  }

  @Test
  void timesCompareQuestionByQuestion() {
    try (Journal journal = journal("times")) {
      List<Variant> variants = List.of(PLANS.vanilla(), PLANS.pyramid(0.5));
      double[][] millis = {{10, 5}, {40, 10}, {30, 30}};
      Dataset three = FakeAnswers.dataset(3);
      for (int i = 0; i < 3; i++) {
        // An earlier round that was never finished, and does not count.
        journal.add(new Journal.Entry(2 * i, variants.get(0).key(), "q" + i, "no", 1, 1, 999, 1));
        for (int v = 0; v < 2; v++) {
          journal.add(
              new Journal.Entry(
                  2 * i + 1, variants.get(v).key(), "q" + i, "no", 1, 1, millis[i][v], 1));
        }
      }
      List<Results.Times> times = new Results(three, journal).times(variants);
      assertThat(times.getFirst().millis().median()).isEqualTo(30);
      assertThat(times.getFirst().speedup().low()).isEqualTo(1);
      assertThat(times.get(1).millis().high()).isEqualTo(30);
      assertThat(times.get(1).speedup().median()).isEqualTo(2);
      assertThat(times.get(1).speedup().high()).isEqualTo(4);
    }
  }
}
