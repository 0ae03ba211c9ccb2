package org.pyramiddrop.transformer.pruning;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;
import java.util.stream.IntStream;

/**
 * A pruning strategy as data: where image tokens are dropped, how many stay, how they are ranked
 * and which positions the rest have. It knows neither the decoder's depth nor the image's size;
 * {@link #schedule} brings in the first and {@link Schedule#counts} the second.
 *
 * <p>No drop at all is the plain model, FastV is one drop, PyramidDrop is one less than it has
 * stages. Every image of a prompt is ranked and reduced on its own.
 */
public record PruningPlan(List<DropPoint> drops, Ranking ranking, Positions positions) {

  /** Keeps its own copy of the drops. */
  public PruningPlan {
    drops = List.copyOf(drops);
  }

  /** The plain model: every image token goes through every layer. */
  public static PruningPlan none() {
    return paper(List.of());
  }

  /**
   * PyramidDrop as the paper has it: {@code stages} equal stages, each starting with ⌊lambda · n⌋
   * of the n image tokens of the stage before.
   *
   * @param lambda the share that stays, in (0, 1]
   */
  public static PruningPlan pyramid(int stages, double lambda) {
    checkStages(stages);
    checkLambda(lambda);
    return paper(
        IntStream.range(1, stages)
            .mapToObj(s -> new DropPoint(new Depth.EndOfStage(s, stages), new Keep.OfStage(lambda)))
            .toList());
  }

  /**
   * PyramidDrop with its drops after the given layers, each keeping ⌊lambda · n⌋ of the n image
   * tokens before it.
   */
  public static PruningPlan pyramid(List<Integer> layers, double lambda) {
    checkLambda(lambda);
    return paper(
        layers.stream()
            .map(layer -> new DropPoint(new Depth.AtLayer(layer), new Keep.OfStage(lambda)))
            .toList());
  }

  /**
   * Drops after the given layers, each keeping ⌊ratio · N⌋ of the N image tokens there were at
   * first.
   *
   * @param layers how many layers run before each drop, ascending
   * @param keepRatios one share of the original count for each layer, in [0, 1], never rising
   */
  public static PruningPlan explicit(List<Integer> layers, List<Double> keepRatios) {
    return paper(cumulative(layers, keepRatios, Keep.OfOriginal::new));
  }

  /**
   * PyramidDrop as the paper's authors released it: {@code stages} equal stages, stage s holding
   * {@code (int) (N * pow(lambda, s))} of N image tokens, ranked by the next stage's first layer.
   *
   * @param lambda the share that stays, in (0, 1]
   */
  public static PruningPlan released(int stages, double lambda) {
    checkStages(stages);
    checkLambda(lambda);
    return paper(
            IntStream.range(1, stages)
                .mapToObj(s ->
                    new DropPoint(
                        new Depth.EndOfStage(s, stages),
                        new Keep.OfOriginalInDouble(Math.pow(lambda, s))))
                .toList())
        .withRanking(Ranking.NEXT_STAGE);
  }

  /** As {@link #explicit}, with the released code's arithmetic and ranking. */
  public static PruningPlan released(List<Integer> layers, List<Double> keepRatios) {
    return paper(cumulative(layers, keepRatios, Keep.OfOriginalInDouble::new))
        .withRanking(Ranking.NEXT_STAGE);
  }

  /**
   * FastV: after {@code layer} layers, {@code round(N · (1 - ratio))} of N image tokens stay
   * (halves to even), each with the position it began with.
   *
   * @param ratio the share that is dropped, in [0, 1]
   */
  public static PruningPlan fastV(int layer, double ratio) {
    if (!(ratio >= 0 && ratio <= 1)) {
      throw new IllegalArgumentException("FastV's drop ratio " + ratio + " is outside [0, 1]");
    }
    double share = BigDecimal.ONE.subtract(BigDecimal.valueOf(ratio)).doubleValue();
    return paper(List.of(new DropPoint(new Depth.AtLayer(layer), new Keep.Rounded(share))))
        .withPositions(Positions.KEEP);
  }

  /** The same drops, ranked differently. */
  public PruningPlan withRanking(Ranking newRanking) {
    return new PruningPlan(drops, newRanking, positions);
  }

  /** The same drops, with other positions afterwards. */
  public PruningPlan withPositions(Positions newPositions) {
    return new PruningPlan(drops, ranking, newPositions);
  }

  /**
   * Lays the plan out over a decoder.
   *
   * @param layers the decoder's number of layers
   * @throws IllegalArgumentException if a drop lies outside 1 to layers - 1, or not after the drop
   *     before it
   */
  public Schedule schedule(int layers) {
    List<Drop> resolved = new ArrayList<>(drops.size());
    for (DropPoint point : drops) {
      if (point.depth() instanceof Depth.EndOfStage end && end.stages() > layers) {
        throw new IllegalArgumentException(
            end.stages() + " stages don't fit into the model's " + layers + " decoder layers");
      }
      resolved.add(new Drop(point.depth().resolve(layers), point.keep()));
    }
    return new Schedule(layers, resolved, ranking, positions);
  }

  private static PruningPlan paper(List<DropPoint> drops) {
    return new PruningPlan(drops, Ranking.STAGE_END, Positions.RENUMBER);
  }

  private static List<DropPoint> cumulative(
      List<Integer> layers, List<Double> keepRatios, DoubleFunction<Keep> keep) {
    if (layers.size() != keepRatios.size()) {
      throw new IllegalArgumentException(
          layers.size() + " drop layers need as many keep ratios, got " + keepRatios.size());
    }
    List<DropPoint> points = new ArrayList<>(layers.size());
    for (int i = 0; i < layers.size(); i++) {
      double ratio = keepRatios.get(i);
      if (i > 0 && ratio > keepRatios.get(i - 1)) {
        throw new IllegalArgumentException(
            "keep ratio "
                + ratio
                + " rises above the "
                + keepRatios.get(i - 1)
                + " before it; ratios are shares of the original count");
      }
      points.add(new DropPoint(new Depth.AtLayer(layers.get(i)), keep.apply(ratio)));
    }
    return points;
  }

  private static void checkStages(int stages) {
    if (stages < 1) {
      throw new IllegalArgumentException("stages must be at least 1, got " + stages);
    }
  }

  private static void checkLambda(double lambda) {
    if (!(lambda > 0 && lambda <= 1)) {
      throw new IllegalArgumentException("lambda " + lambda + " is outside (0, 1]");
    }
  }
}
