package org.pyramiddrop.bench.accuracy.experiment;

import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.accuracy.dataset.Dataset;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import picocli.CommandLine.Option;

/** The options that say what experiments compare. */
final class ExperimentOptions {
  private static final List<String> NAMES =
      List.of(
          "table-5",
          "table-4-untrained",
          "figure-1",
          "attention",
          "figure-4",
          "budget",
          "figure-5");

  /** Where the paper's figure 1 drops, of 32 layers. */
  private static final List<Integer> FIGURE_1_LAYERS = List.of(2, 8, 16, 24);

  private static final int FASTV_LAYER = 2;

  /** Budgets of image tokens; three of them are those of published tables: 192, 128, 64 of 576. */
  private static final List<Double> TOKEN_SHARES =
      List.of(1 / 2.0, 1 / 3.0, 2 / 9.0, 1 / 9.0, 1 / 18.0);

  @Option(names = "--shares", split = ",", paramLabel = "X")
  private List<Double> shares = List.of(1.0, 0.7, 0.5, 0.3, 0.1, 0.0);

  @Option(names = "--layers", split = ",", paramLabel = "K")
  private @Nullable List<Integer> layers;

  @Option(names = "--lambdas", split = ",", paramLabel = "X")
  private List<Double> lambdas = List.of(0.3, 0.4, 0.5, 0.6, 0.7, 0.8);

  @Option(names = "--fastv-layers", split = ",", paramLabel = "K")
  private @Nullable List<Integer> fastVLayers;

  @Option(names = "--tokens", split = ",", paramLabel = "N")
  private @Nullable List<Integer> tokens;

  @Option(names = "--question", paramLabel = "I")
  private int question;

  /**
   * The experiments of one name.
   *
   * @throws IllegalArgumentException if there is none, or an option doesn't fit the model
   */
  List<Experiment> named(String name, ModelPlans plans, ModelAnswers model, Dataset dataset) {
    return (name.equals("all") ? NAMES : List.of(name))
        .stream().map(each -> experiment(each, plans, model, dataset)).toList();
  }

  private Experiment experiment(
      String name, ModelPlans plans, ModelAnswers model, Dataset dataset) {
    return switch (name) {
      case "table-5" -> PlanTable.five(plans, fastVLayers(plans));
      case "table-4-untrained" -> PlanTable.four(plans);
      case "figure-1" -> Figure1.of(plans, dropLayers(plans), distinct(shares));
      case "attention" -> AttentionFigure.of(model, sample(dataset), dropLayers(plans));
      case "figure-4" -> EqualBudgets.figure4(plans, distinct(lambdas), fastVLayers(plans));
      case "budget" -> EqualBudgets.tokens(plans, tokens(plans), fastVLayers(plans));
      case "figure-5" -> Figure5.of(plans, model);
      default ->
          throw new IllegalArgumentException(
              "no experiment is called %s; choose %s or all of these, %s, or one that trains: %s"
                  .formatted(
                      name,
                      String.join(", ", NAMES),
                      WeightTable.NAME,
                      String.join(", ", TrainingTables.NAMES)));
    };
  }

  private Sample sample(Dataset dataset) {
    List<Sample> samples = dataset.samples();
    if (question < 0 || question >= samples.size()) {
      throw new IllegalArgumentException(
          "--question must be 0 to %d, got %d".formatted(samples.size() - 1, question));
    }
    return samples.get(question);
  }

  private List<Integer> dropLayers(ModelPlans plans) {
    return layers == null
        ? FIGURE_1_LAYERS.stream().map(plans::scaled).distinct().toList()
        : distinct(layers);
  }

  private List<Integer> fastVLayers(ModelPlans plans) {
    // Scaled, it is as shallow a part of the model as the paper's; unscaled, as many layers.
    return fastVLayers == null
        ? Stream.of(plans.scaled(FASTV_LAYER), FASTV_LAYER).distinct().toList()
        : distinct(fastVLayers);
  }

  private List<Integer> tokens(ModelPlans plans) {
    return tokens == null
        ? TOKEN_SHARES.stream()
            .map(share -> Math.max(1, (int) Math.round(share * plans.imageTokens())))
            .distinct()
            .toList()
        : distinct(tokens);
  }

  private static <T> List<T> distinct(List<T> values) {
    return values.stream().distinct().toList();
  }
}
