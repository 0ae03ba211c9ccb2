package org.pyramiddrop.bench.accuracy.experiment;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.training.chart.LineChart;

/**
 * The paper's figure 4: accuracy against the paper's FLOPs, PyramidDrop beside FastV, which keeps
 * as many tokens as come nearest to the same budget.
 */
final class Figure4 {
  private Figure4() {}

  private record Point(String plan, String budget, double multiplyAdds, Variant variant) {}

  /**
   * The figure of one model.
   *
   * @param lambdas each one's cost is a budget
   * @param fastVLayers how many layers run before FastV's drop
   */
  static Experiment of(ModelPlans plans, List<Double> lambdas, List<Integer> fastVLayers) {
    Variant vanilla = plans.vanilla();
    List<Point> points = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    points.add(new Point("vanilla", "", vanilla.multiplyAdds(), vanilla));
    for (double lambda : lambdas) {
      Variant pyramid = plans.pyramid(lambda);
      points.add(new Point("PyramidDrop", budget(lambda), pyramid.multiplyAdds(), pyramid));
    }
    for (int layer : fastVLayers) {
      for (double lambda : lambdas) {
        double budget = plans.pyramid(lambda).multiplyAdds();
        Optional<Integer> keep = plans.keepNearest(layer, budget);
        if (keep.isPresent()) {
          Variant fastV = plans.fastV(layer, keep.get());
          points.add(new Point(fastV.name(), budget(lambda), budget, fastV));
        } else {
          notes.add(
              "FastV K=%d can't reach the budget of %s: what comes before its drop costs more."
                  .formatted(layer, budget(lambda)));
        }
      }
    }
    return new Experiment(
        "figure-4",
        points.stream().map(Point::variant).toList(),
        false,
        (results, report) -> report(points, notes, results, report));
  }

  private static String budget(double lambda) {
    return "λ=" + Format.plain(lambda);
  }

  private static void report(
      List<Point> points, List<String> notes, Results results, Report report) {
    List<Point> vanillaLast = new ArrayList<>(points);
    Collections.rotate(vanillaLast, -1);
    Table<Point> csv =
        new Table<>("", vanillaLast)
            .column("plan", Point::plan)
            .column("budget", Point::budget)
            .decimal("budget_multiply_adds", Point::multiplyAdds, 0);
    report.csv("figure-4", Format.addColumns(csv, Point::variant, results));
    report.chart("figure-4", chart(points, results));
    Table<Point> table =
        new Table<>("Figure 4: accuracy at equal budgets", points)
            .column("plan", Point::plan)
            .column("budget", Point::budget)
            .column("image tokens", point -> point.variant.keptText())
            .column("FLOPs, paper", point -> Format.scaled(point.variant.multiplyAdds()))
            .column("FLOPs, all", point -> Format.scaled(results.flops(point.variant)))
            .column("right", point -> results.accuracy(point.variant))
            .column("accuracy", point -> results.accuracy(point.variant).percent());
    notes.forEach(table::note);
    report.print(table);
  }

  private static LineChart chart(List<Point> points, Results results) {
    Variant vanilla = points.getFirst().variant;
    Format.Scale scale = Format.Scale.of(vanilla.multiplyAdds());
    LineChart chart =
        results.chart("Equal budgets: " + results.dataset().name(), scale + Format.COST);
    points.stream()
        .skip(1)
        .collect(groupingBy(Point::plan, LinkedHashMap::new, toList()))
        .forEach((plan, line) ->
            chart.line(
                plan,
                line.stream()
                    .map(point ->
                        results.point(point.variant.multiplyAdds() / scale.unit(), point.variant))
                    .toList()));
    double least =
        points.stream().mapToDouble(point -> point.variant.multiplyAdds()).min().orElseThrow();
    return chart.guide(
        "vanilla",
        List.of(
            results.point(least / scale.unit(), vanilla),
            results.point(vanilla.multiplyAdds() / scale.unit(), vanilla)));
  }
}
