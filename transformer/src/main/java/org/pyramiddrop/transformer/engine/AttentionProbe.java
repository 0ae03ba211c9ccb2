package org.pyramiddrop.transformer.engine;

import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** Runs a prompt without drops, and keeps what its last token attends to in some layers. */
public final class AttentionProbe {
  private final Kernels kernels;
  private final Decoder decoder;
  private final Prompt prompt;
  private final Set<Integer> layers;
  private final SortedMap<Integer, float[]> scores = new TreeMap<>();

  public AttentionProbe(Kernels kernels, Decoder decoder, Prompt prompt, List<Integer> layers) {
    this.kernels = kernels;
    this.decoder = decoder;
    this.prompt = prompt;
    this.layers = Set.copyOf(layers);
  }

  /**
   * Runs the prompt.
   *
   * @param images their embeddings, which the caller closes
   * @param progress hears each layer, and may throw to give up
   * @return for each layer, shallow ones first, one number a token of the prompt
   */
  public SortedMap<Integer, float[]> run(List<Tensor> images, Progress progress) {
    Schedule schedule = PruningPlan.none().schedule(decoder.layers());
    try (Indices ids = kernels.indices(prompt.ids());
        KeptRows kept = new KeptRows(kernels, schedule, prompt);
        KeyValueCache cache = decoder.allocateCache(prompt, schedule, 0);
        Tensor logits = kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary());
        Tensor query = kernels.allocate(1, decoder.queryColumns());
        Tensor row = kernels.allocate(DType.FLOAT32, 1, prompt.length());
        Sequence sequence =
            new Sequence(
                kernels, schedule, kept, decoder.embedPrompt(ids, prompt.images(), images))) {
      keepQuery(0, sequence, query);
      decoder.prefill(
          sequence,
          0,
          schedule,
          cache,
          done -> {
            if (layers.contains(done - 1)) {
              decoder.score(query, cache.layer(done - 1), row);
              scores.put(done - 1, kernels.download(row));
            }
            keepQuery(done, sequence, query);
            progress.reach(done);
          },
          logits);
    }
    return scores;
  }

  /** Keeps the query that the last token is about to have in a layer. */
  private void keepQuery(int layer, Sequence sequence, Tensor query) {
    if (layers.contains(layer)) {
      decoder.lastQuery(layer, sequence, query);
    }
  }
}
