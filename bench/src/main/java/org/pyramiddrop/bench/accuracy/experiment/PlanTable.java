package org.pyramiddrop.bench.accuracy.experiment;

import static org.pyramiddrop.bench.report.Numbers.decimal;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.bench.accuracy.dataset.Metric;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.training.chart.LineChart;

/** The paper's tables 4 and 5: what some plans cost, and what they lose. */
final class PlanTable {
  private PlanTable() {}

  /**
   * Table 5: no drops, FastV that drops half, PyramidDrop that halves.
   *
   * @param fastVLayers how many layers run before FastV's drop
   */
  static Experiment five(ModelPlans plans, List<Integer> fastVLayers) {
    List<Variant> variants = new ArrayList<>(List.of(plans.vanilla()));
    fastVLayers.forEach(layer -> variants.add(plans.halvingFastV(layer)));
    variants.add(plans.pyramid(0.5));
    return of("table-5", "Table 5: vanilla, FastV and PyramidDrop", variants);
  }

  /** Table 4: PyramidDrop by λ, of a model that was trained without it. */
  static Experiment four(ModelPlans plans) {
    return of(
        "table-4-untrained",
        "Table 4: PyramidDrop by λ, at inference only",
        List.of(plans.vanilla(), plans.pyramid(0.4), plans.pyramid(0.5), plans.pyramid(0.6)));
  }

  private static Experiment of(String name, String title, List<Variant> variants) {
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
    return new Table<>(title, times)
        .column("plan", row -> row.variant().name())
        .column("image tokens", row -> row.variant().keptText())
        .column("FLOPs, paper", row -> Format.scaled(row.variant().multiplyAdds()))
        .column(
            "share", row -> Format.percent(row.variant().multiplyAdds() / vanilla.multiplyAdds()))
        .column("FLOPs, all", row -> Format.scaled(results.flops(row.variant())))
        .column(
            "share", row -> Format.percent(results.flops(row.variant()) / results.flops(vanilla)))
        .column("right", row -> results.accuracy(row.variant()))
        .column("accuracy", row -> Format.percent(results.accuracy(row.variant()).share()))
        .column("95 % interval", row -> results.accuracy(row.variant()).interval())
        .column("prefill ms", row -> decimal(row.millis().median(), 2))
        .column("low", row -> decimal(row.millis().low(), 2))
        .column("high", row -> decimal(row.millis().high(), 2))
        .column("faster", row -> decimal(row.speedup().median(), 2))
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
        .column("prefill_ms", row -> decimal(row.millis().median(), 3))
        .column("prefill_ms_low", row -> decimal(row.millis().low(), 3))
        .column("prefill_ms_high", row -> decimal(row.millis().high(), 3))
        .column("faster", row -> decimal(row.speedup().median(), 3))
        .column("faster_low", row -> decimal(row.speedup().low(), 3))
        .column("faster_high", row -> decimal(row.speedup().high(), 3));
  }

  private static Table<Variant> pope(List<Variant> variants, Results results) {
    return new Table<>("What POPE reports beside accuracy", variants)
        .column("plan", Variant::name)
        .column("accuracy", variant -> decimal(results.pope(variant).accuracy(), 4))
        .column("precision", variant -> decimal(results.pope(variant).precision(), 4))
        .column("recall", variant -> decimal(results.pope(variant).recall(), 4))
        .column("f1", variant -> decimal(results.pope(variant).f1(), 4))
        .column("yes_ratio", variant -> decimal(results.pope(variant).yesRatio(), 4));
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
