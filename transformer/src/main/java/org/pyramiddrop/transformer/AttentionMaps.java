package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** Listens to a prefill without drops, and keeps what the last token looks at in some layers. */
final class AttentionMaps {
  private final Kernels kernels;
  private final Decoder decoder;
  private final Prompt prompt;
  private final Set<Integer> layers;
  private final List<AttentionMap> maps = new ArrayList<>();

  AttentionMaps(Kernels kernels, Decoder decoder, Prompt prompt, List<Integer> layers) {
    this.kernels = kernels;
    this.decoder = decoder;
    this.prompt = prompt;
    this.layers = new TreeSet<>(layers);
  }

  /**
   * Runs the prompt and returns the maps, shallow layers first.
   *
   * @param images their embeddings, which the caller closes
   * @param progress hears each layer, and may throw to give up
   */
  List<AttentionMap> run(List<Tensor> images, Progress progress) {
    Schedule schedule = PruningPlan.none().schedule(decoder.layers());
    try (Indices ids = kernels.indices(prompt.ids());
        KeptRows kept = new KeptRows(kernels, schedule, prompt);
        KeyValueCache cache = decoder.cache(prompt, schedule, 0);
        Tensor logits = kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary());
        Tensor query = kernels.allocate(1, decoder.queryColumns());
        Tensor scores = kernels.allocate(DType.FLOAT32, 1, prompt.length());
        Sequence sequence =
            new Sequence(kernels, schedule, kept, decoder.merge(ids, prompt.images(), images))) {
      ask(0, sequence, query);
      decoder.prefill(
          sequence,
          0,
          schedule,
          cache,
          done -> {
            if (layers.contains(done - 1)) {
              decoder.score(query, cache.layer(done - 1), scores);
              maps.add(map(done - 1, kernels.download(scores)));
            }
            ask(done, sequence, query);
            progress.reach(done);
          },
          logits);
    }
    return List.copyOf(maps);
  }

  /** Keeps the query that the last token is about to have in a layer. */
  private void ask(int layer, Sequence sequence, Tensor query) {
    if (layers.contains(layer)) {
      decoder.lastQuery(layer, sequence, query);
    }
  }

  private AttentionMap map(int layer, float[] scores) {
    return new AttentionMap(
        layer,
        prompt.images().stream()
            .map(image ->
                IntStream.range(image.start(), image.start() + image.count())
                    .mapToObj(i -> scores[i])
                    .toList())
            .toList());
  }
}
