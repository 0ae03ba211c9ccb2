package org.pyramiddrop.bench.accuracy.experiment;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.training.chart.LineChart;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The paper's figures 1 and 3: accuracy against the share of image tokens that one drop keeps, for
 * drops at several depths. The last instruction token ranks.
 */
final class Figure1 {
  private Figure1() {}

  private record Point(int layer, double share, Variant variant) {}

  /**
   * The figure of one model.
   *
   * @param shares how many of an image's tokens stay, from 0 to 1; 1 is the model without drops
   */
  static Experiment of(ModelPlans plans, List<Integer> layers, List<Double> shares) {
    List<Point> points = new ArrayList<>();
    for (int layer : layers) {
      for (double share : shares) {
        PruningPlan plan = PruningPlan.explicit(List.of(layer), List.of(share));
        Variant variant = share == 1 ? plans.vanilla() : plans.variant("one drop", plan);
        points.add(new Point(layer, share, variant));
      }
    }
    return new Experiment(
        "figure-1",
        points.stream().map(Point::variant).toList(),
        false,
        (results, report) -> report(points, results, report));
  }

  private static void report(List<Point> points, Results results, Report report) {
    Table<Point> csv =
        new Table<>("", points)
            .column("layer", Point::layer)
            .column("share", point -> Format.plain(point.share));
    report.csv("figure-1", Format.addColumns(csv, Point::variant, results));

    String metric = results.dataset().metric().label();
    LineChart chart =
        results
            .chart(
                "One drop at different depths: " + results.dataset().name(),
                "share of image tokens kept")
            .fromLargest();
    Map<Double, List<Point>> byShare =
        points.stream().collect(groupingBy(Point::share, LinkedHashMap::new, toList()));
    Table<List<Point>> table =
        new Table<>(
                "Figure 1: " + metric + " when image tokens are dropped once",
                List.copyOf(byShare.values()))
            .column("kept", row -> Format.percent(row.getFirst().share))
            .note("Drops after layer k: k layers see every image token.");
    List<Integer> layers = points.stream().map(Point::layer).distinct().toList();
    for (int layer : layers) {
      int column = layers.indexOf(layer);
      table.column(
          "after layer " + layer, row -> results.accuracy(row.get(column).variant).percent());
      chart.line(
          "dropped after layer " + layer,
          points.stream()
              .filter(point -> point.layer == layer)
              .map(point -> results.point(point.share, point.variant))
              .toList());
    }
    report.chart("figure-1", chart);
    report.print(table);
  }
}
