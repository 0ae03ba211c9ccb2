package org.pyramiddrop.bench.experiment;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.chart.LineChart;

/**
 * The paper's figure 4: accuracy against the paper's FLOPs, PyramidDrop beside FastV, which keeps
 * as many tokens as come nearest to the same budget.
 */
final class Figure4 implements Experiment {
  private final Variant vanilla;
  private final List<Point> points = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  private record Point(String series, String budget, double multiplyAdds, Variant variant) {}

  /**
   * The figure of one model.
   *
   * @param lambdas each one's cost is a budget
   * @param fastVLayers how many layers run before FastV's drop
   */
  Figure4(Subject subject, List<Double> lambdas, List<Integer> fastVLayers) {
    vanilla = subject.vanilla();
    for (double lambda : lambdas) {
      Variant pyramid = subject.pyramid(lambda);
      points.add(new Point("PyramidDrop", budget(lambda), pyramid.multiplyAdds(), pyramid));
    }
    for (int layer : fastVLayers) {
      for (double lambda : lambdas) {
        double budget = subject.pyramid(lambda).multiplyAdds();
        OptionalInt keep = subject.keepNearest(layer, budget);
        if (keep.isPresent()) {
          Variant fastV = subject.fastV(layer, keep.getAsInt());
          points.add(new Point(fastV.name(), budget(lambda), budget, fastV));
        } else {
          notes.add(
              "FastV K=%d can't reach the budget of %s: what comes before its drop costs more."
                  .formatted(layer, budget(lambda)));
        }
      }
    }
  }

  private static String budget(double lambda) {
    return "λ=" + Cells.plain(lambda);
  }

  @Override
  public String name() {
    return "figure-4";
  }

  @Override
  public List<Variant> variants() {
    List<Variant> variants = new ArrayList<>(List.of(vanilla));
    points.forEach(point -> variants.add(point.variant));
    return variants;
  }

  @Override
  public void report(Results results, Report report) {
    csv(results, report);
    report.chart(name(), chart(results));
    Table table =
        new Table()
            .row(
                "plan",
                "budget",
                "image tokens",
                "FLOPs, paper",
                "FLOPs, all",
                "right",
                "accuracy");
    row(table, "vanilla", "", vanilla, results);
    for (Point point : points) {
      row(table, point.series, point.budget, point.variant, results);
    }
    report.print("Figure 4: accuracy at equal budgets", table, notes);
  }

  private void csv(Results results, Report report) {
    List<String> columns = new ArrayList<>(List.of("plan", "budget", "budget_multiply_adds"));
    columns.addAll(Cells.COLUMNS);
    CsvFile csv = new CsvFile(columns.toArray(String[]::new));
    for (Point point : points) {
      List<String> row = new ArrayList<>(List.of(point.series, point.budget));
      row.add(Cells.whole(point.multiplyAdds));
      row.addAll(Cells.csv(point.variant, results));
      csv.row(row.toArray());
    }
    List<String> row = new ArrayList<>(List.of("vanilla", "", Cells.whole(vanilla.multiplyAdds())));
    row.addAll(Cells.csv(vanilla, results));
    csv.row(row.toArray());
    report.csv(name(), csv);
  }

  private LineChart chart(Results results) {
    Cells.Scale scale = Cells.scale(vanilla.multiplyAdds());
    LineChart chart =
        new LineChart(
            "Equal budgets: " + results.dataset().name(),
            scale + "FLOPs as the paper counts them",
            results.dataset().metric().label() + ", %");
    for (String series : points.stream().map(Point::series).distinct().toList()) {
      chart.line(
          series,
          points.stream()
              .filter(point -> point.series.equals(series))
              .map(point -> at(point.variant.multiplyAdds() / scale.unit(), point.variant, results))
              .toList());
    }
    double left = points.stream().mapToDouble(p -> p.variant.multiplyAdds()).min().orElse(0);
    return chart.guide(
        "vanilla",
        List.of(
            at(left / scale.unit(), vanilla, results),
            at(vanilla.multiplyAdds() / scale.unit(), vanilla, results)));
  }

  private static LineChart.Point at(double x, Variant variant, Results results) {
    return new LineChart.Point(x, 100 * results.accuracy(variant).share());
  }

  private static void row(
      Table table, String series, String budget, Variant variant, Results results) {
    Accuracy accuracy = results.accuracy(variant);
    table.row(
        series,
        budget,
        variant.keptText(),
        Cells.scaled(variant.multiplyAdds()),
        Cells.scaled(results.flops(variant)),
        Cells.right(accuracy),
        Cells.percent(accuracy.share()));
  }
}
