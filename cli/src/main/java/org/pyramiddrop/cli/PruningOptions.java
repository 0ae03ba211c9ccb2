package org.pyramiddrop.cli;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.pruning.Positions;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Ranking;
import picocli.CommandLine.Option;

/** The flags that make up a pruning plan. A flag that would change nothing is refused. */
final class PruningOptions {
  private static final int STAGES = 4;
  private static final double LAMBDA = 0.5;
  private static final int FASTV_LAYER = 2;
  private static final double FASTV_RATIO = 0.5;

  /** Where tokens are dropped. */
  enum Strategy {
    PYRAMID,
    FASTV,
    NONE
  }

  /** Whose word the pyramid follows. */
  enum Profile {
    PAPER,
    RELEASED
  }

  @Option(
      names = "--pruning",
      paramLabel = "pyramid|fastv|none",
      converter = EnumOption.OfStrategy.class,
      description = "Where image tokens are dropped; pyramid if nothing else is said.")
  private @Nullable Strategy strategy;

  @Option(names = "--stages", paramLabel = "S", description = "Equal stages of the pyramid; 4.")
  private @Nullable Integer stages;

  @Option(
      names = "--lambda",
      paramLabel = "X",
      description = "The share of a stage's image tokens that stays at its end, in (0, 1]; 0.5.")
  private @Nullable Double lambda;

  @Option(
      names = "--drop-layers",
      paramLabel = "8,16,24",
      split = ",",
      description = "How many layers run before each drop, instead of --stages.")
  private @Nullable List<Integer> dropLayers;

  @Option(
      names = "--keep-ratios",
      paramLabel = ".5,.25,.125",
      split = ",",
      description = "The share of the original tokens that each drop keeps, instead of --lambda.")
  private @Nullable List<Double> keepRatios;

  @Option(
      names = "--fastv-layer",
      paramLabel = "K",
      description = "How many layers run before FastV's drop; 2.")
  private @Nullable Integer fastvLayer;

  @Option(
      names = "--fastv-ratio",
      paramLabel = "R",
      description = "The share of the tokens that FastV drops, in [0, 1]; 0.5.")
  private @Nullable Double fastvRatio;

  @Option(
      names = "--plan",
      paramLabel = "PIECES",
      description =
          "A whole plan instead of the flags above: pieces in order of place, joined by commas, such"
              + " as visionzip:54+10,pyramid:4:0.5.%n"
              + PlanText.VISION_ZIP
              + "%n"
              + PlanText.DIV_PRUNE
              + "%n"
              + PlanText.CD_PRUNER
              + "%n"
              + PlanText.RANDOM
              + "%n"
              + PlanText.PYRAMID
              + "%n"
              + PlanText.FAST_V
              + "%n"
              + PlanText.LAYERS)
  private @Nullable String pieces;

  @Option(
      names = "--ranking",
      paramLabel = "stage-end|next-stage",
      converter = EnumOption.OfRanking.class,
      description = "Which layer's attention ranks; stage-end.")
  private @Nullable Ranking ranking;

  @Option(
      names = "--positions",
      paramLabel = "renumber|keep",
      converter = EnumOption.OfPositions.class,
      description = "Positions after a drop; renumber, or keep with FastV.")
  private @Nullable Positions positions;

  @Option(
      names = "--profile",
      paramLabel = "paper|released",
      converter = EnumOption.OfProfile.class,
      description =
          "released: next-stage ranking, renumbered positions and counts as the authors' code has"
              + " them; paper is the default.")
  private @Nullable Profile profile;

  /**
   * The plan that the flags describe.
   *
   * @throws UsageException if two of them contradict each other
   * @throws IllegalArgumentException if one is out of its range
   */
  PruningPlan plan() {
    PruningPlan plan =
        pieces != null
            ? written(pieces)
            : switch (strategy == null ? Strategy.PYRAMID : strategy) {
              case PYRAMID -> pyramid();
              case FASTV -> fastV();
              case NONE -> none();
            };
    plan = ranking == null ? plan : plan.withRanking(ranking);
    return positions == null ? plan : plan.withPositions(positions);
  }

  private PruningPlan written(String text) {
    if (strategy != null) {
      throw new UsageException("--pruning doesn't go with --plan");
    }
    refuse("--plan", pyramidFlags());
    refuse("--plan", fastVFlags());
    PruningPlan plan = PruningPlan.parse(text);
    if (plan.drops().isEmpty()) {
      refuse("a --plan that cuts nothing in the decoder", orderFlags());
    }
    return plan;
  }

  private PruningPlan none() {
    refuse("--pruning none", pyramidFlags());
    refuse("--pruning none", fastVFlags());
    refuse("--pruning none", orderFlags());
    return PruningPlan.none();
  }

  private PruningPlan fastV() {
    refuse("--pruning fastv", pyramidFlags());
    return PruningPlan.fastV(
        fastvLayer == null ? FASTV_LAYER : fastvLayer,
        fastvRatio == null ? FASTV_RATIO : fastvRatio);
  }

  private PruningPlan pyramid() {
    refuse("--pruning pyramid", fastVFlags());
    if (profile != null) {
      refuse("--profile", orderFlags());
    }
    boolean released = profile == Profile.RELEASED;
    List<Integer> layers = dropLayers;
    List<Double> ratios = keepRatios;
    if (layers == null) {
      if (ratios != null) {
        throw new UsageException("--keep-ratios needs --drop-layers");
      }
      int count = stages == null ? STAGES : stages;
      double share = lambda == null ? LAMBDA : lambda;
      return released ? PruningPlan.released(count, share) : PruningPlan.pyramid(count, share);
    }
    if (stages != null) {
      throw new UsageException("--stages doesn't go with --drop-layers");
    }
    if (ratios == null) {
      if (released) {
        throw new UsageException("--profile released with --drop-layers needs --keep-ratios");
      }
      return PruningPlan.pyramid(layers, lambda == null ? LAMBDA : lambda);
    }
    if (lambda != null) {
      throw new UsageException("--lambda doesn't go with --keep-ratios");
    }
    return released ? PruningPlan.released(layers, ratios) : PruningPlan.explicit(layers, ratios);
  }

  private List<String> pyramidFlags() {
    List<String> given = new ArrayList<>();
    add(given, "--stages", stages);
    add(given, "--lambda", lambda);
    add(given, "--drop-layers", dropLayers);
    add(given, "--keep-ratios", keepRatios);
    add(given, "--profile", profile);
    return given;
  }

  private List<String> fastVFlags() {
    List<String> given = new ArrayList<>();
    add(given, "--fastv-layer", fastvLayer);
    add(given, "--fastv-ratio", fastvRatio);
    return given;
  }

  private List<String> orderFlags() {
    List<String> given = new ArrayList<>();
    add(given, "--ranking", ranking);
    add(given, "--positions", positions);
    return given;
  }

  private static void add(List<String> given, String flag, @Nullable Object value) {
    if (value != null) {
      given.add(flag);
    }
  }

  private static void refuse(String flag, List<String> others) {
    if (!others.isEmpty()) {
      throw new UsageException(others.getFirst() + " doesn't go with " + flag);
    }
  }
}
