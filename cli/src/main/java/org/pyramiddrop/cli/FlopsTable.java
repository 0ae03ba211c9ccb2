package org.pyramiddrop.cli;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.transformer.pruning.FlopCounter;
import org.pyramiddrop.transformer.pruning.Flops;
import org.pyramiddrop.transformer.pruning.ImageShape;
import org.pyramiddrop.transformer.pruning.ModelShape;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * The paper's strategies side by side, for images of several sizes.
 *
 * @param textTokens text tokens of each prompt
 * @param rows one for each image size
 */
record FlopsTable(int textTokens, List<Row> rows) {
  /** Text tokens before the image in LLaVA-1.5's chat template: the start token and "USER:". */
  private static final int TEXT_BEFORE = 5;

  private static final MathContext THREE_DIGITS = new MathContext(3);

  /** The costs of one image size, one for each strategy. */
  record Row(int imageTokens, List<Cost> costs) {}

  /** The cost under one strategy: the paper's in multiply-adds, the total in operations. */
  record Cost(String strategy, double paper, double total) {}

  /** A plan by the name that its columns have. */
  record Strategy(String name, PruningPlan plan) {}

  /** What the paper compares. */
  static final List<Strategy> STRATEGIES =
      List.of(
          new Strategy("vanilla", PruningPlan.none()),
          new Strategy("λ=0.4", PruningPlan.pyramid(4, 0.4)),
          new Strategy("λ=0.5", PruningPlan.pyramid(4, 0.5)),
          new Strategy("λ=0.6", PruningPlan.pyramid(4, 0.6)),
          new Strategy("FastV K=2 R=0.5", PruningPlan.fastV(2, 0.5)));

  /**
   * Counts every strategy for every size.
   *
   * @param images one for each prompt
   */
  static FlopsTable of(
      ModelShape shape, List<ImageShape> images, int textTokens, List<Strategy> strategies) {
    List<Row> rows = new ArrayList<>();
    for (ImageShape image : images) {
      List<Cost> costs = new ArrayList<>();
      int before = Math.min(TEXT_BEFORE, textTokens - 1);
      for (Strategy strategy : strategies) {
        PruningPlan plan = strategy.plan();
        int entering = plan.entering(image);
        PromptShape prompt =
            PromptShape.of(before, entering, image.patches().size(), textTokens - before);
        Flops flops =
            new FlopCounter(shape, plan.schedule(shape.layers()))
                .count(prompt, List.of(image), plan);
        costs.add(new Cost(strategy.name(), flops.paper(), flops.total()));
      }
      rows.add(new Row(image.tokens(), costs));
    }
    return new FlopsTable(textTokens, rows);
  }

  /** The table for people, each number with three digits. */
  List<String> lines() {
    Unit unit = unit();
    List<String> strategies = new ArrayList<>(List.of(""));
    List<String> header = new ArrayList<>(List.of("image tokens"));
    for (Cost cost : rows.isEmpty() ? List.<Cost>of() : rows.getFirst().costs()) {
      strategies.add("");
      strategies.add(cost.strategy());
      header.add("paper");
      header.add("total");
    }
    Table table = new Table().row(strategies).row(header);
    for (Row row : rows) {
      List<String> cells = new ArrayList<>(List.of(Integer.toString(row.imageTokens())));
      for (Cost cost : row.costs()) {
        cells.add(digits(cost.paper(), unit));
        cells.add(digits(cost.total(), unit));
      }
      table.row(cells);
    }
    List<String> lines = new ArrayList<>(table.lines());
    lines.add("");
    lines.add("paper: image tokens in the decoder, in " + unit.words() + " multiply-adds");
    lines.add(
        "total: vision tower, projector, image and "
            + textTokens
            + " text tokens, causal attention,");
    lines.add(
        "       cuts, ranking and output head, in "
            + unit.words()
            + " operations, two a multiply-add");
    return lines;
  }

  private enum Unit {
    TERA(1e12, "10^12"),
    GIGA(1e9, "10^9"),
    MEGA(1e6, "10^6");

    private final double size;
    private final String words;

    Unit(double size, String words) {
      this.size = size;
      this.words = words;
    }

    private String words() {
      return words;
    }
  }

  /** The largest unit that leaves the largest number with a digit before its point. */
  private Unit unit() {
    double largest =
        rows.stream().flatMap(row -> row.costs().stream()).mapToDouble(Cost::total).max().orElse(0);
    for (Unit unit : Unit.values()) {
      if (largest >= unit.size) {
        return unit;
      }
    }
    return Unit.MEGA;
  }

  private static String digits(double count, Unit unit) {
    return new BigDecimal(count / unit.size).round(THREE_DIGITS).toPlainString();
  }
}
