package org.pyramiddrop.bench.accuracy.experiment;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.pyramiddrop.bench.accuracy.dataset.Metric;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.training.chart.LineChart;

/** The paper's tables 4 and 5: what some plans cost, and what they lose. */
final class PlanTable {
  private PlanTable() {}

  /**
   * Table 5: no drops, FastV that drops half, PyramidDrop that halves; behind them, at
   * PyramidDrop's FLOPs, what cuts before the decoder, and chance.
   *
   * @param fastVLayers how many layers run before FastV's drop
   */
  static Experiment five(ModelPlans plans, List<Integer> fastVLayers) {
    List<Variant> variants = new ArrayList<>(List.of(plans.vanilla()));
    fastVLayers.forEach(layer -> variants.add(plans.halvingFastV(layer)));
    Variant pyramid = plans.pyramid(0.5);
    variants.add(pyramid);
    plans.beforeDecoder().stream()
        .flatMap(
            family -> plans.nearest(family, pyramid.multiplyAdds(), Variant::multiplyAdds).stream())
        .forEach(variants::add);
    return of("table-5", "Table 5: vanilla, FastV and PyramidDrop, others at its FLOPs", variants);
  }

  /** Table 4: PyramidDrop by λ, of a model that was trained without it. */
  static Experiment four(ModelPlans plans) {
    return of(
        "table-4-untrained",
        "Table 4: PyramidDrop by λ, at inference only",
        List.of(plans.vanilla(), plans.pyramid(0.4), plans.pyramid(0.5), plans.pyramid(0.6)));
  }

  /** A table of some plans, the first of which the others are compared with. */
  static Experiment of(String name, String title, List<Variant> variants) {
    return new Experiment(
        name,
        variants,
        true,
        (results, report) -> {
          report.csv(
              name,
              Format.addColumns(
                  new Table<>("", variants).column("plan", Variant::name), v -> v, results));
          List<Results.Times> times = results.times(variants);
          report.csv(name + "-times", timesCsv(times));
          report.chart(name, chart(title, variants, results));
          report.table(name, table(title, times, results));
          if (results.dataset().metric() == Metric.POPE_ACCURACY) {
            Table<Variant> pope = pope(variants, results);
            report.csv(name + "-pope", pope);
            report.print(pope);
          }
        });
  }

  private static Table<Results.Times> table(
      String title, List<Results.Times> times, Results results) {
    Variant vanilla = times.getFirst().variant();
    Function<Results.Times, Variant> variant = Results.Times::variant;
    Function<Results.Times, Accuracy> accuracy = variant.andThen(results::accuracy);
    Function<Results.Times, Double> paper = variant.andThen(Variant::multiplyAdds);
    Function<Results.Times, Double> all = variant.andThen(results::flops);
    return new Table<>(title, times)
        .column("plan", variant.andThen(Variant::name))
        .column("image tokens", variant.andThen(Variant::keptText))
        .column("FLOPs, paper", paper.andThen(Format::scaled))
        .column("share", row -> Format.percent(paper.apply(row) / vanilla.multiplyAdds()))
        .column("FLOPs, all", all.andThen(Format::scaled))
        .column("share", row -> Format.percent(all.apply(row) / results.flops(vanilla)))
        .column("right", accuracy)
        .column("accuracy", accuracy.andThen(Accuracy::percent))
        .column("95 % interval", accuracy.andThen(Accuracy::interval))
        .decimal("prefill ms", row -> row.millis().median(), 2)
        .decimal("low", row -> row.millis().low(), 2)
        .decimal("high", row -> row.millis().high(), 2)
        .decimal("faster", row -> row.speedup().median(), 2)
        .note(
            "FLOPs as the paper counts them: multiply-adds of image tokens in the decoder. FLOPs of all:"
                + " two a multiply-add, with text, vision tower, ranking and output head; the mean over the"
                + " questions.")
        .note(
            "Prefill: the decoder over the prompt, median, lowest and highest over the questions. Faster:"
                + " vanilla's time by the plan's on the same question, the median.");
  }

  private static Table<Results.Times> timesCsv(List<Results.Times> times) {
    return new Table<>("", times)
        .column("plan", row -> row.variant().name())
        .column("questions", row -> row.millis().count())
        .decimal("prefill_ms", row -> row.millis().median(), 3)
        .decimal("prefill_ms_low", row -> row.millis().low(), 3)
        .decimal("prefill_ms_high", row -> row.millis().high(), 3)
        .decimal("faster", row -> row.speedup().median(), 3)
        .decimal("faster_low", row -> row.speedup().low(), 3)
        .decimal("faster_high", row -> row.speedup().high(), 3);
  }

  private static Table<Variant> pope(List<Variant> variants, Results results) {
    return new Table<>("What POPE reports beside accuracy", variants)
        .column("plan", Variant::name)
        .decimal("accuracy", variant -> results.pope(variant).accuracy(), 4)
        .decimal("precision", variant -> results.pope(variant).precision(), 4)
        .decimal("recall", variant -> results.pope(variant).recall(), 4)
        .decimal("f1", variant -> results.pope(variant).f1(), 4)
        .decimal("yes_ratio", variant -> results.pope(variant).yesRatio(), 4);
  }

  private static LineChart chart(String title, List<Variant> variants, Results results) {
    Format.Scale scale = Format.Scale.of(variants.getFirst().multiplyAdds());
    LineChart chart = results.chart(title, scale + Format.COST);
    for (Variant variant : variants) {
      chart.marks(
          variant.name(), List.of(results.point(variant.multiplyAdds() / scale.unit(), variant)));
    }
    return chart;
  }
}
