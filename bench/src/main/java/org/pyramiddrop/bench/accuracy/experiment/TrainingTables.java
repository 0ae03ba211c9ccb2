package org.pyramiddrop.bench.accuracy.experiment;

import static org.pyramiddrop.bench.report.Numbers.decimal;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.bench.accuracy.experiment.TrainingRounds.Trained;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Table;

/**
 * The paper's tables 1 to 4: models that were trained with PyramidDrop beside one that was not.
 *
 * @param before what the state answered that all began from, without drops
 * @param models what was trained, the one without drops first
 */
record TrainingTables(Accuracy before, List<Model> models) {
  /** What they are called. */
  static final List<String> NAMES = List.of("table-1", "table-2", "table-3", "table-4");

  /** Words of a question that tell its kind. */
  private static final int KIND = 2;

  /**
   * A trained model, and what it answered.
   *
   * @param own the plan that it was trained under
   */
  record Model(Trained trained, Variant own, Results results) {
    Accuracy accuracy(Variant variant) {
      return results.accuracy(variant);
    }
  }

  /** A model under a plan. */
  private record Row(Model model, Variant variant) {
    Accuracy accuracy() {
      return model.accuracy(variant);
    }
  }

  /** Writes and prints one of them. */
  void report(String name, ModelPlans plans, int fastVLayer, Report report) {
    Variant fastV = plans.halvingFastV(fastVLayer);
    Table<Row> table =
        switch (name) {
          case "table-1" -> one();
          case "table-2" -> two();
          case "table-3" -> three(fastV);
          default -> four();
        };
    report.csv(name, table);
    report.table(name, table);
  }

  private Model vanilla() {
    return models.getFirst();
  }

  /** The model that was trained with the paper's λ. */
  private Model halving() {
    return models.stream()
        .filter(model -> model.own.name().endsWith("λ=0.5"))
        .findFirst()
        .orElseThrow();
  }

  private Table<Row> costs(String title, List<Row> rows) {
    double plain = vanilla().trained.flops();
    return new Table<>(title, rows)
        .column("trained", row -> row.model.own.name())
        .column("answers under", row -> row.variant.name())
        .column("ms a step", row -> Numbers.number(row.model.trained.stepMillis().median()))
        .column("times as fast", row -> Numbers.ratio(row.model.trained.timesAsFast().median()))
        .column("low–high", row -> Numbers.ratios(row.model.trained.timesAsFast()))
        .column("FLOPs ratio", row -> Numbers.ratio(plain / row.model.trained.flops()))
        .column("loss", row -> decimal(row.model.trained.loss(), 3));
  }

  private static Table<Row> accuracies(Table<Row> table) {
    return table
        .column("right", Row::accuracy)
        .column("accuracy", row -> Format.percent(row.accuracy().share()))
        .column("95 % interval", row -> row.accuracy().interval());
  }

  private Table<Row> one() {
    Row plain = new Row(vanilla(), vanilla().own);
    Row pruned = new Row(halving(), halving().own);
    Table<Row> table =
        accuracies(
            costs("Table 1: trained and asked without drops, and with", List.of(plain, pruned)));
    double less = 1 - 1 / halving().trained.timesAsFast().median();
    return table
        .note("Both began from a state that answers %s right.".formatted(before))
        .note(
            "The paper: 40 % less time to train LLaVA-NeXT, 24 % less LLaVA-1.5, at equal quality.")
        .note(
            "Here: %s less time a step; %s."
                .formatted(Format.percent(less), compared(plain.accuracy(), pruned.accuracy())));
  }

  /** Whether two accuracies differ by more than their intervals allow. */
  private static String compared(Accuracy plain, Accuracy other) {
    boolean apart = plain.low() > other.high() || other.low() > plain.high();
    return "accuracy %s and %s: %s"
        .formatted(
            Format.percent(plain.share()),
            Format.percent(other.share()),
            apart
                ? "a difference beyond the 95 % intervals"
                : "no difference beyond the 95 % intervals");
  }

  private Table<Row> two() {
    List<Row> rows = List.of(new Row(vanilla(), vanilla().own), new Row(halving(), halving().own));
    Table<Row> table =
        new Table<>("Table 2: the same by kind of question", rows)
            .column("trained and asked", row -> row.model.own.name());
    Map<String, List<Sample>> kinds = new LinkedHashMap<>();
    for (Sample sample : vanilla().results.dataset().samples()) {
      String[] words = sample.question().split(" ", KIND + 1);
      String kind = words.length < KIND ? sample.question() : words[0] + " " + words[1];
      kinds.computeIfAbsent(kind, _ -> new ArrayList<>()).add(sample);
    }
    kinds.forEach((kind, samples) ->
        table
            .column(kind + " …", row -> share(row, samples))
            .column("95 %", row -> share(row, samples).interval()));
    return table.note(
        "The paper: about the same on eight further benchmarks, one point more or less.");
  }

  private static Accuracy share(Row row, List<Sample> samples) {
    double right =
        samples.stream()
            .mapToDouble(sample -> row.model.results.answer(row.variant, sample).score())
            .sum();
    return new Accuracy(right, samples.size());
  }

  private Table<Row> three(Variant fastV) {
    List<Row> rows = new ArrayList<>();
    for (Model model : List.of(vanilla(), halving())) {
      for (Variant variant : List.of(vanilla().own, halving().own, fastV)) {
        rows.add(new Row(model, variant));
      }
    }
    Table<Row> table =
        accuracies(
            new Table<>("Table 3: models trained with and without drops, under each plan", rows)
                .column("trained", row -> row.model.own.name())
                .column("answers under", row -> row.variant.name()));
    for (Variant variant : List.of(halving().own, fastV)) {
      table.note(
          "Under %s, trained without and with drops: %s."
              .formatted(
                  variant.name(),
                  compared(vanilla().accuracy(variant), halving().accuracy(variant))));
    }
    return table.note(
        "The paper: under FastV, 1.2 points more on average when trained with drops.");
  }

  private Table<Row> four() {
    List<Row> rows = models.stream().map(model -> new Row(model, model.own)).toList();
    return accuracies(costs("Table 4: trained and asked with PyramidDrop by λ", rows))
        .note(
            "The paper: 34 to 44 % less time for LLaVA-NeXT, less the larger λ is; quality within a point.");
  }
}
