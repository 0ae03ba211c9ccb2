package org.pyramiddrop.bench.experiment;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.chart.LineChart;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The paper's figures 1 and 3: accuracy against the share of image tokens that one drop keeps, for
 * drops at several depths. The last instruction token ranks.
 */
final class Figure1 implements Experiment {
  private final List<Point> points = new ArrayList<>();
  private final List<Integer> layers;
  private final List<Double> shares;

  private record Point(int layer, double share, Variant variant) {}

  /**
   * The figure of one model.
   *
   * @param layers how many layers run before the drop
   * @param shares how many of a picture's tokens stay, from 0 to 1; 1 is the model without drops
   */
  Figure1(Subject subject, List<Integer> layers, List<Double> shares) {
    this.layers = List.copyOf(layers);
    this.shares = List.copyOf(shares);
    for (int layer : layers) {
      for (double share : shares) {
        points.add(
            new Point(
                layer,
                share,
                share == 1
                    ? subject.vanilla()
                    : subject.variant(
                        "keep %s after %d".formatted(share, layer),
                        PruningPlan.explicit(List.of(layer), List.of(share)))));
      }
    }
  }

  @Override
  public String name() {
    return "figure-1";
  }

  @Override
  public List<Variant> variants() {
    return points.stream().map(Point::variant).toList();
  }

  @Override
  public void report(Results results, Report report) {
    List<String> columns = new ArrayList<>(List.of("layer", "share"));
    columns.addAll(Cells.COLUMNS);
    CsvFile csv = new CsvFile(columns.toArray(String[]::new));
    for (Point point : points) {
      List<String> row = new ArrayList<>(List.of(String.valueOf(point.layer)));
      row.add(Cells.plain(point.share));
      row.addAll(Cells.csv(point.variant, results));
      csv.row(row.toArray());
    }
    report.csv(name(), csv);

    LineChart chart =
        new LineChart(
                "One drop at different depths: " + results.dataset().name(),
                "share of image tokens kept",
                results.dataset().metric().label() + ", %")
            .fromLargest();
    List<String> head = new ArrayList<>(List.of("kept"));
    for (int layer : layers) {
      head.add("after layer " + layer);
      chart.line("dropped after layer " + layer, line(layer, results));
    }
    report.chart(name(), chart);

    Table table = new Table().row(head.toArray(String[]::new));
    for (double share : shares) {
      List<String> row = new ArrayList<>(List.of(Cells.percent(share)));
      for (Point point : points) {
        if (point.share == share) {
          row.add(Cells.percent(results.accuracy(point.variant).share()));
        }
      }
      table.row(row.toArray(String[]::new));
    }
    report.print(
        "Figure 1: " + results.dataset().metric().label() + " when image tokens are dropped once",
        table,
        List.of("Drops after layer k: k layers see every image token."));
  }

  private List<LineChart.Point> line(int layer, Results results) {
    return points.stream()
        .filter(point -> point.layer == layer)
        .map(point ->
            new LineChart.Point(point.share, 100 * results.accuracy(point.variant).share()))
        .toList();
  }
}
