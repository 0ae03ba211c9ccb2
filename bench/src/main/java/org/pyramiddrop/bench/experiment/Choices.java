package org.pyramiddrop.bench.experiment;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.dataset.Dataset;
import org.pyramiddrop.bench.dataset.Sample;
import picocli.CommandLine.Option;

/** The options that say what experiments compare. */
final class Choices {
  /** Where the paper's figure 1 drops, of 32 layers. */
  private static final List<Integer> FIGURE_1_LAYERS = List.of(2, 8, 16, 24);

  /** Where FastV drops, of 32 layers. */
  private static final int FASTV_LAYER = 2;

  @Option(
      names = "--shares",
      split = ",",
      paramLabel = "X",
      description = "figure-1: shares of image tokens that a drop keeps (${DEFAULT-VALUE})")
  private List<Double> shares = List.of(1.0, 0.7, 0.5, 0.3, 0.1, 0.0);

  @Option(
      names = "--layers",
      split = ",",
      paramLabel = "K",
      description =
          "figure-1 and attention: how many layers run before a drop (2, 8, 16 and 24 of 32, scaled"
              + " to the model)")
  private @Nullable List<Integer> layers;

  @Option(
      names = "--lambdas",
      split = ",",
      paramLabel = "X",
      description = "figure-4: the budgets, as PyramidDrop's λ (${DEFAULT-VALUE})")
  private List<Double> lambdas = List.of(0.3, 0.4, 0.5, 0.6, 0.7, 0.8);

  @Option(
      names = "--fastv-layers",
      split = ",",
      paramLabel = "K",
      description =
          "figure-4 and table-5: how many layers run before FastV's drop (2, and 2 of 32 scaled to"
              + " the model)")
  private @Nullable List<Integer> fastVLayers;

  @Option(
      names = "--question",
      paramLabel = "I",
      description = "attention: which of the dataset's questions, from 0 (${DEFAULT-VALUE})")
  private int question;

  /**
   * The experiments of one name.
   *
   * @param name one of them, or {@code all}
   * @throws IllegalArgumentException if there is none, or an option doesn't fit the model
   */
  List<Experiment> named(String name, Subject subject, ModelAnswers model, Dataset dataset) {
    Map<String, Supplier<Experiment>> all = new LinkedHashMap<>();
    all.put("table-5", () -> PlanTable.five(subject, fastVLayers(subject)));
    all.put("table-4", () -> PlanTable.four(subject));
    all.put("figure-1", () -> new Figure1(subject, dropLayers(subject), distinct(shares)));
    all.put(
        "attention",
        () -> new AttentionFigure(subject, model, sample(dataset), dropLayers(subject)));
    all.put("figure-4", () -> new Figure4(subject, distinct(lambdas), fastVLayers(subject)));
    all.put("figure-5", () -> new Figure5(subject, model));
    if (name.equals("all")) {
      return all.values().stream().map(Supplier::get).toList();
    }
    Supplier<Experiment> named = all.get(name);
    if (named == null) {
      throw new IllegalArgumentException(
          "no experiment is called %s; choose %s or all"
              .formatted(name, String.join(", ", all.keySet())));
    }
    return List.of(named.get());
  }

  private Sample sample(Dataset dataset) {
    List<Sample> samples = dataset.samples();
    if (question < 0 || question >= samples.size()) {
      throw new IllegalArgumentException(
          "--question must be 0 to %d, got %d".formatted(samples.size() - 1, question));
    }
    return samples.get(question);
  }

  private List<Integer> dropLayers(Subject subject) {
    return layers == null
        ? FIGURE_1_LAYERS.stream().map(subject::scaled).distinct().toList()
        : distinct(layers);
  }

  private List<Integer> fastVLayers(Subject subject) {
    // Scaled, it is as shallow a part of the model as the paper's; unscaled, as many layers.
    return fastVLayers == null
        ? Stream.of(subject.scaled(FASTV_LAYER), FASTV_LAYER).distinct().toList()
        : distinct(fastVLayers);
  }

  private static <T> List<T> distinct(List<T> values) {
    return values.stream().distinct().toList();
  }
}
