package org.pyramiddrop.bench.accuracy.experiment;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;
import static org.pyramiddrop.bench.report.Numbers.decimal;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.pyramiddrop.bench.accuracy.experiment.ModelPlans.Family;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.training.chart.LineChart;

/** Accuracy at equal budgets: of each kind of plan the one that comes nearest to each. */
final class EqualBudgets {
  /**
   * What a budget is of.
   *
   * @param column its name in the CSV file
   * @param unit what the chart divides by
   * @param label what the chart's axis says
   */
  private record Cost(String column, ToDoubleFunction<Variant> of, double unit, String label) {}

  private record Budget(String name, double size) {}

  private record Point(String plan, Budget budget, Variant variant) {}

  private static final List<Double> LAMBDAS =
      IntStream.rangeClosed(1, 100).mapToObj(lambda -> lambda / 100.0).toList();

  private final String name;
  private final String title;
  private final Cost cost;
  private final List<Point> points = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  private EqualBudgets(
      String name,
      String title,
      ModelPlans plans,
      Cost cost,
      List<Family> families,
      List<Budget> budgets) {
    this.name = name;
    this.title = title;
    this.cost = cost;
    Variant vanilla = plans.vanilla();
    points.add(new Point(vanilla.name(), new Budget("", cost.of.applyAsDouble(vanilla)), vanilla));
    for (Family family : families) {
      for (Budget budget : budgets) {
        Optional<Variant> nearest = plans.nearest(family, budget.size, cost.of);
        if (nearest.isPresent()) {
          points.add(new Point(family.name(), budget, nearest.get()));
        } else {
          notes.add(
              "%s can't meet the budget of %s: all that it can do costs more, or all of it less."
                  .formatted(family.name(), budget.name));
        }
      }
    }
  }

  /**
   * The paper's figure 4: accuracy against the paper's FLOPs.
   *
   * @param lambdas the cost of PyramidDrop with each is a budget
   * @param fastVLayers how many layers run before FastV's drop
   */
  static Experiment figure4(ModelPlans plans, List<Double> lambdas, List<Integer> fastVLayers) {
    Format.Scale scale = Format.Scale.of(plans.vanilla().multiplyAdds());
    List<Budget> budgets =
        lambdas.stream()
            .map(lambda ->
                new Budget("λ=" + Format.plain(lambda), plans.pyramid(lambda).multiplyAdds()))
            .toList();
    return new EqualBudgets(
            "figure-4",
            "Figure 4: accuracy at equal budgets",
            plans,
            new Cost(
                "budget_multiply_adds", Variant::multiplyAdds, scale.unit(), scale + Format.COST),
            families(plans, plans.pyramids(lambdas), fastVLayers),
            budgets)
        .experiment();
  }

  /**
   * Accuracy against image tokens, the mean over the decoder's layers, as papers on cuts before the
   * decoder have it.
   *
   * @param tokens the budgets
   */
  static Experiment tokens(ModelPlans plans, List<Integer> tokens, List<Integer> fastVLayers) {
    return new EqualBudgets(
            "budget",
            "Accuracy at equal numbers of image tokens",
            plans,
            new Cost(
                "budget_tokens",
                Variant::meanTokens,
                1,
                "image tokens, the mean over decoder layers"),
            families(plans, plans.pyramids(LAMBDAS), fastVLayers),
            tokens.stream().map(count -> new Budget(count + " tokens", count)).toList())
        .experiment();
  }

  private static List<Family> families(
      ModelPlans plans, Family pyramids, List<Integer> fastVLayers) {
    return Stream.of(
            Stream.of(pyramids),
            fastVLayers.stream().map(plans::fastV),
            plans.beforeDecoder().stream())
        .flatMap(Function.identity())
        .toList();
  }

  private Experiment experiment() {
    return new Experiment(name, points.stream().map(Point::variant).toList(), false, this::report);
  }

  private void report(Results results, Report report) {
    List<Point> vanillaLast = new ArrayList<>(points);
    Collections.rotate(vanillaLast, -1);
    Table<Point> csv =
        new Table<>("", vanillaLast)
            .column("plan", Point::plan)
            .column("budget", point -> point.budget.name)
            .decimal(cost.column, point -> point.budget.size, 0);
    report.csv(name, Format.addColumns(csv, Point::variant, results));
    report.chart(name, chart(results));
    double plain = results.accuracy(points.getFirst().variant).share();
    Table<Point> table =
        new Table<>(title, points)
            .column("plan", Point::plan)
            .column("budget", point -> point.budget.name)
            .column("image tokens", point -> point.variant.keptText())
            .column("mean", point -> decimal(point.variant.meanTokens(), 1))
            .column("FLOPs, paper", point -> Format.scaled(point.variant.multiplyAdds()))
            .column("FLOPs, all", point -> Format.scaled(results.flops(point.variant)))
            .column("right", point -> results.accuracy(point.variant))
            .column("accuracy", point -> results.accuracy(point.variant).percent())
            .column("95 % interval", point -> results.accuracy(point.variant).interval())
            .column(
                "of vanilla's",
                point -> Format.percent(results.accuracy(point.variant).share() / plain));
    notes.forEach(table::note);
    report.table(name, table);
  }

  private LineChart chart(Results results) {
    LineChart chart = results.chart("Equal budgets: " + results.dataset().name(), cost.label);
    points.stream()
        .skip(1)
        .collect(groupingBy(Point::plan, LinkedHashMap::new, toList()))
        .forEach((plan, line) ->
            chart.line(plan, line.stream().map(point -> at(point.variant, results)).toList()));
    Variant vanilla = points.getFirst().variant;
    double least =
        points.stream()
            .mapToDouble(point -> cost.of.applyAsDouble(point.variant))
            .min()
            .orElseThrow();
    return chart.guide(
        "vanilla", List.of(results.point(least / cost.unit, vanilla), at(vanilla, results)));
  }

  private LineChart.Point at(Variant variant, Results results) {
    return results.point(cost.of.applyAsDouble(variant) / cost.unit, variant);
  }
}
