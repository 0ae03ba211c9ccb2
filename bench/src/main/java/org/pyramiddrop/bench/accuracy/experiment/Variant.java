package org.pyramiddrop.bench.accuracy.experiment;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.pyramiddrop.transformer.pruning.Cut;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A model under one plan.
 *
 * @param name what an experiment calls it
 * @param firstLayers the first layer of each stage
 * @param meanTokens image tokens of a decoder layer, the mean over all
 * @param multiplyAdds the paper's count for one image
 */
record Variant(
    String name,
    PruningPlan plan,
    List<Integer> firstLayers,
    List<Integer> kept,
    double meanTokens,
    double multiplyAdds) {
  /**
   * What the plan does to this model, in words: variants of the same key answer alike, whatever
   * they are called.
   */
  String key() {
    List<Cut> cuts = plan.cutsBeforeDecoder();
    return cuts.isEmpty() ? drops() : cuts + "; " + drops();
  }

  private String drops() {
    if (kept.size() == 1) {
      return kept.getFirst() + " throughout";
    }
    String stages =
        IntStream.range(1, kept.size())
            .mapToObj(
                stage -> "%d from layer %d".formatted(kept.get(stage), firstLayers.get(stage)))
            .collect(Collectors.joining(", "));
    return "%d, %s; %s; %s"
        .formatted(kept.getFirst(), stages, words(plan.ranking()), words(plan.positions()));
  }

  String keptText() {
    return spaced(kept);
  }

  String firstLayersText() {
    return spaced(firstLayers);
  }

  private static String spaced(List<Integer> numbers) {
    return numbers.stream().map(String::valueOf).collect(Collectors.joining(" "));
  }

  private static String words(Enum<?> choice) {
    return choice.name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
