package org.pyramiddrop.bench.experiment;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.chart.LineChart;
import org.pyramiddrop.bench.dataset.Metric;
import org.pyramiddrop.bench.dataset.PopeReport;

/** The paper's tables 4 and 5: what some plans cost, and what they lose. */
final class PlanTable implements Experiment {
  private static final List<String> NOTES =
      List.of(
          "FLOPs as the paper counts them: multiply-adds of image tokens in the decoder. FLOPs of all:"
              + " two a multiply-add, with text, vision tower, ranking and output head; the mean over the"
              + " questions.",
          "Prefill: the decoder over the prompt, median, lowest and highest over the questions. Faster:"
              + " vanilla's time by the plan's on the same question, the median.");

  private final String name;
  private final String title;
  private final List<Variant> variants;

  private PlanTable(String name, String title, List<Variant> variants) {
    this.name = name;
    this.title = title;
    this.variants = List.copyOf(variants);
  }

  /**
   * Table 5: no drops, FastV that drops half, PyramidDrop that halves.
   *
   * @param fastVLayers how many layers run before FastV's drop
   */
  static PlanTable five(Subject subject, List<Integer> fastVLayers) {
    List<Variant> variants = new ArrayList<>(List.of(subject.vanilla()));
    for (int layer : fastVLayers) {
      variants.add(subject.halvingFastV(layer));
    }
    variants.add(subject.pyramid(0.5));
    return new PlanTable("table-5", "Table 5: vanilla, FastV and PyramidDrop", variants);
  }

  /** Table 4: PyramidDrop by λ, of a model that was trained without it. */
  static PlanTable four(Subject subject) {
    return new PlanTable(
        "table-4",
        "Table 4: PyramidDrop by λ, at inference only",
        List.of(
            subject.vanilla(), subject.pyramid(0.4), subject.pyramid(0.5), subject.pyramid(0.6)));
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public List<Variant> variants() {
    return variants;
  }

  @Override
  public boolean timed() {
    return true;
  }

  @Override
  public void report(Results results, Report report) {
    List<Results.Times> times = results.times(variants);
    csv(results, report);
    timesCsv(times, report);
    report.chart(name, chart(results));
    Table table =
        new Table()
            .row(
                "plan",
                "image tokens",
                "FLOPs, paper",
                "share",
                "FLOPs, all",
                "share",
                "right",
                "accuracy",
                "95 % interval",
                "prefill ms",
                "low",
                "high",
                "faster");
    Variant vanilla = variants.getFirst();
    for (int i = 0; i < variants.size(); i++) {
      Variant variant = variants.get(i);
      Accuracy accuracy = results.accuracy(variant);
      Spread millis = times.get(i).millis();
      table.row(
          variant.name(),
          variant.keptText(),
          Cells.scaled(variant.multiplyAdds()),
          Cells.percent(variant.multiplyAdds() / vanilla.multiplyAdds()),
          Cells.scaled(results.flops(variant)),
          Cells.percent(results.flops(variant) / results.flops(vanilla)),
          Cells.right(accuracy),
          Cells.percent(accuracy.share()),
          Cells.percent(accuracy.low()) + " to " + Cells.percent(accuracy.high()),
          Cells.decimal(millis.median(), 2),
          Cells.decimal(millis.low(), 2),
          Cells.decimal(millis.high(), 2),
          Cells.decimal(times.get(i).speedup().median(), 2));
    }
    report.table(name, title, table, NOTES);
    if (results.dataset().metric() == Metric.POPE_ACCURACY) {
      pope(results, report);
    }
  }

  private void pope(Results results, Report report) {
    String[] head = {"plan", "accuracy", "precision", "recall", "f1", "yes_ratio"};
    CsvFile csv = new CsvFile(head);
    Table table = new Table().row(head);
    for (Variant variant : variants) {
      PopeReport pope = results.pope(variant);
      String[] row = {
        variant.name(),
        Cells.decimal(pope.accuracy(), 4),
        Cells.decimal(pope.precision(), 4),
        Cells.decimal(pope.recall(), 4),
        Cells.decimal(pope.f1(), 4),
        Cells.decimal(pope.yesRatio(), 4)
      };
      csv.row((Object[]) row);
      table.row(row);
    }
    report.csv(name + "-pope", csv);
    report.print("What POPE reports beside accuracy", table, List.of());
  }

  private void csv(Results results, Report report) {
    List<String> columns = new ArrayList<>(List.of("plan"));
    columns.addAll(Cells.COLUMNS);
    CsvFile csv = new CsvFile(columns.toArray(String[]::new));
    for (Variant variant : variants) {
      List<String> row = new ArrayList<>(List.of(variant.name()));
      row.addAll(Cells.csv(variant, results));
      csv.row(row.toArray());
    }
    report.csv(name, csv);
  }

  private void timesCsv(List<Results.Times> times, Report report) {
    CsvFile csv =
        new CsvFile(
            "plan",
            "questions",
            "prefill_ms",
            "prefill_ms_low",
            "prefill_ms_high",
            "faster",
            "faster_low",
            "faster_high");
    for (int i = 0; i < variants.size(); i++) {
      Spread millis = times.get(i).millis();
      Spread faster = times.get(i).speedup();
      csv.row(
          variants.get(i).name(),
          millis.count(),
          Cells.decimal(millis.median(), 3),
          Cells.decimal(millis.low(), 3),
          Cells.decimal(millis.high(), 3),
          Cells.decimal(faster.median(), 3),
          Cells.decimal(faster.low(), 3),
          Cells.decimal(faster.high(), 3));
    }
    report.csv(name + "-times", csv);
  }

  private LineChart chart(Results results) {
    Cells.Scale scale = Cells.scale(variants.getFirst().multiplyAdds());
    LineChart chart =
        new LineChart(
            title,
            scale + "FLOPs as the paper counts them",
            results.dataset().metric().label() + ", %");
    for (Variant variant : variants) {
      chart.marks(
          variant.name(),
          List.of(
              new LineChart.Point(
                  variant.multiplyAdds() / scale.unit(), 100 * results.accuracy(variant).share())));
    }
    return chart;
  }
}
