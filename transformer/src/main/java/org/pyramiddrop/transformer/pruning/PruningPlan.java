package org.pyramiddrop.transformer.pruning;

import java.io.Serializable;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;
import java.util.stream.IntStream;

/**
 * A pruning strategy as data: cuts in order of place, what the decoder's are ranked by and which
 * positions the rest has. It knows neither the decoder's depth nor the image's size; {@link
 * #schedule} brings in the first, {@link #entering} and {@link Schedule#counts} the second. All
 * counts are known before anything runs, and never rise.
 *
 * <p>No cut at all is the plain model, FastV is one between decoder layers, PyramidDrop is one less
 * than it has stages. Cuts before the decoder stand before those: {@code visionZip(54,
 * 10).then(pyramid(4, 0.5))}. Every image of a prompt is cut on its own.
 *
 * @param cuts in order of place; at most one in the vision tower
 * @param ranking what the decoder's cuts are ranked by
 * @param positions of what the decoder's cuts leave
 */
public record PruningPlan(List<Cut> cuts, Ranking ranking, Positions positions)
    implements Serializable {

  /** Keeps its own copy of the cuts, and refuses them in another order. */
  public PruningPlan {
    cuts = List.copyOf(cuts);
    for (int i = 1; i < cuts.size(); i++) {
      int before = cuts.get(i - 1).place().order();
      int place = cuts.get(i).place().order();
      if (place < before) {
        throw new IllegalArgumentException(
            "a cut %s can't follow one %s; cuts stand in the order in which an image meets them"
                .formatted(words(cuts.get(i).place()), words(cuts.get(i - 1).place())));
      }
      if (place == 0 && before == 0) {
        throw new IllegalArgumentException("there can be only one cut in the vision tower");
      }
    }
  }

  private static String words(Place place) {
    return switch (place) {
      case Place.Tower _ -> "in the vision tower";
      case Place.Projector _ -> "after the projector";
      case Place.Decoder _ -> "in the decoder";
    };
  }

  /** A plan of drops between decoder layers alone. */
  public static PruningPlan ofDrops(List<DropPoint> drops, Ranking ranking, Positions positions) {
    return new PruningPlan(drops.stream().map(Cut::ranked).toList(), ranking, positions);
  }

  /** The cuts between decoder layers. */
  public List<DropPoint> drops() {
    return cuts.stream()
        .filter(cut -> cut.place() instanceof Place.Decoder)
        .map(cut -> new DropPoint(((Place.Decoder) cut.place()).depth(), cut.keep()))
        .toList();
  }

  /** The cuts before the decoder. */
  public List<Cut> cutsBeforeDecoder() {
    return cuts.stream().filter(Cut::beforeDecoder).toList();
  }

  /**
   * The cuts before the decoder whose choice holds for every question about a picture: those that
   * don't read the question and follow none that does. A conversation makes them once; the others
   * are made anew for each question.
   */
  public List<Cut> cutsHeldBetweenQuestions() {
    return cutsBeforeDecoder().stream().takeWhile(cut -> !cut.readsQuestion()).toList();
  }

  /** The tokens of an image that are left after each cut before the decoder. */
  public List<Integer> countsBeforeDecoder(ImageShape image) {
    List<Integer> counts = new ArrayList<>();
    int now = image.tokens();
    for (Cut cut : cutsBeforeDecoder()) {
      now =
          cut.place() instanceof Place.Tower
              ? image.patches().stream().mapToInt(cut::count).sum()
              : cut.count(now);
      counts.add(now);
    }
    return counts;
  }

  /** The tokens of an image that enter the decoder, which is what its drops count from. */
  public int entering(ImageShape image) {
    List<Integer> counts = countsBeforeDecoder(image);
    return counts.isEmpty() ? image.tokens() : counts.getLast();
  }

  /** The plain model: every image token goes through every layer. */
  public static PruningPlan none() {
    return paper(List.of());
  }

  /**
   * PyramidDrop (Xing et al. 2024): {@code stages} equal stages, each starting with ⌊lambda · n⌋ of
   * the n image tokens of the stage before. The prompt's last token ranks them.
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
   * PyramidDrop (Xing et al. 2024) with its drops after the given layers, each keeping ⌊lambda · n⌋
   * of the n image tokens before it. The prompt's last token ranks them.
   */
  public static PruningPlan pyramid(List<Integer> layers, double lambda) {
    checkLambda(lambda);
    return paper(
        layers.stream()
            .map(layer -> new DropPoint(new Depth.AtLayer(layer), new Keep.OfStage(lambda)))
            .toList());
  }

  /**
   * PyramidDrop (Xing et al. 2024) by the share that each stage has of the start: after the given
   * layers ⌊ratio · N⌋ of the N image tokens that entered the decoder stay. The prompt's last token
   * ranks them.
   *
   * @param layers how many layers run before each drop, ascending
   * @param keepRatios one share of the original count for each layer, in [0, 1], never rising
   */
  public static PruningPlan explicit(List<Integer> layers, List<Double> keepRatios) {
    return paper(cumulative(layers, keepRatios, Keep.OfOriginal::new));
  }

  /**
   * PyramidDrop as its authors (Xing et al. 2024) released it: {@code stages} equal stages, stage s
   * holding {@code (int) (N * pow(lambda, s))} of N image tokens. The first layer of the next stage
   * ranks them.
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
   * FastV (Chen et al. 2024): after {@code layer} layers, {@code round(N · (1 - ratio))} of N image
   * tokens stay (halves to even), once. Each keeps the position it began with.
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

  /**
   * VisionZip (Yang et al. 2024): of each crop the patches that the class token attends to most
   * stay, and the rest is merged into some others by the similarity of keys.
   *
   * <p>The class token's own feature is not kept, which the released code does, and what LLaVA-NeXT
   * pads is removed first, which it doesn't.
   *
   * @param dominant patches that stay as they are
   * @param contextual patches that others are merged into; with 0 they are dropped
   */
  public static PruningPlan visionZip(int dominant, int contextual) {
    if (dominant < 0 || contextual < 0 || dominant + contextual < 1) {
      throw new IllegalArgumentException(
          "VisionZip keeps at least one token of a crop, not %d and %d"
              .formatted(dominant, contextual));
    }
    Fate fate = contextual == 0 ? new Fate.Dropped() : new Fate.Merged(contextual);
    return before(
        new Cut(
            new Place.Tower(),
            Score.CLASS_ATTENTION,
            new Choice.TopK(),
            fate,
            new Keep.Count(dominant)));
  }

  /**
   * DivPrune (Alvar et al. 2025): of a picture's projected tokens those that are farthest from each
   * other. Nothing else is read.
   */
  public static PruningPlan divPrune(int tokens) {
    return before(
        new Cut(
            new Place.Projector(),
            Score.NONE,
            new Choice.MaxMin(),
            new Fate.Dropped(),
            kept(tokens)));
  }

  /**
   * CDPruner (Zhang et al. 2025): of a picture's projected tokens those that are relevant to the
   * prompt and unlike each other.
   *
   * <p>The paper takes relevance from CLIP's text tower, which is not in a LLaVA folder; here it is
   * the cosine with the mean of the prompt's own input embeddings.
   */
  public static PruningPlan cdPruner(int tokens) {
    return before(
        new Cut(
            new Place.Projector(),
            Score.RELEVANCE,
            new Choice.Determinantal(),
            new Fate.Dropped(),
            kept(tokens)));
  }

  /**
   * Of a picture's projected tokens some stay by chance. It is the control that every other plan is
   * to be held against.
   */
  public static PruningPlan random(int tokens, long seed) {
    return random(tokens, seed, new Place.Projector());
  }

  /**
   * Of a picture's tokens some stay by chance, at any place. It is the control that every other
   * plan is to be held against.
   *
   * @param tokens how many stay of a picture; in the vision tower, of each crop
   */
  public static PruningPlan random(int tokens, long seed, Place place) {
    return before(
        new Cut(place, Score.NONE, new Choice.Random(seed), new Fate.Dropped(), kept(tokens)));
  }

  private static Keep kept(int tokens) {
    if (tokens < 1) {
      throw new IllegalArgumentException("a plan keeps at least one token, not " + tokens);
    }
    return new Keep.Count(tokens);
  }

  private static PruningPlan before(Cut cut) {
    return new PruningPlan(List.of(cut), Ranking.STAGE_END, Positions.RENUMBER);
  }

  /**
   * This plan's cuts, then another's.
   *
   * @throws IllegalArgumentException if the other's stand before this one's, or both have cuts in
   *     the decoder but rank or number differently
   */
  public PruningPlan then(PruningPlan next) {
    List<Cut> all = new ArrayList<>(cuts);
    all.addAll(next.cuts);
    if (!drops().isEmpty() && !next.drops().isEmpty()) {
      if (ranking != next.ranking || positions != next.positions) {
        throw new IllegalArgumentException(
            "cuts in the decoder must agree: %s and %s, then %s and %s"
                .formatted(ranking, positions, next.ranking, next.positions));
      }
    }
    PruningPlan deciding = next.drops().isEmpty() ? this : next;
    return new PruningPlan(all, deciding.ranking, deciding.positions);
  }

  /**
   * The plan that some pieces describe, joined by commas, such as {@code
   * visionzip:54+10,pyramid:4:0.5}; {@link PlanPieces} lists them.
   *
   * @throws IllegalArgumentException naming the piece that is wrong
   */
  public static PruningPlan parse(String pieces) {
    return PlanPieces.parse(pieces);
  }

  /** The same cuts, those of the decoder ranked differently. */
  public PruningPlan withRanking(Ranking newRanking) {
    return new PruningPlan(cuts, newRanking, positions);
  }

  /** The same cuts, with other positions behind those of the decoder. */
  public PruningPlan withPositions(Positions newPositions) {
    return new PruningPlan(cuts, ranking, newPositions);
  }

  /**
   * Lays the plan's cuts in the decoder out over its layers.
   *
   * @param layers the decoder's number of layers
   * @throws IllegalArgumentException if a drop lies outside 1 to layers - 1, or not after the drop
   *     before it
   */
  public Schedule schedule(int layers) {
    List<Drop> resolved = new ArrayList<>();
    for (Cut cut : cuts) {
      if (cut.place() instanceof Place.Decoder(Depth depth)) {
        if (depth instanceof Depth.EndOfStage end && end.stages() > layers) {
          throw new IllegalArgumentException(
              end.stages() + " stages don't fit into the model's " + layers + " decoder layers");
        }
        resolved.add(new Drop(depth.resolve(layers), cut.keep(), cut.choice()));
      }
    }
    return new Schedule(layers, resolved, ranking, positions);
  }

  private static PruningPlan paper(List<DropPoint> drops) {
    return ofDrops(drops, Ranking.STAGE_END, Positions.RENUMBER);
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
