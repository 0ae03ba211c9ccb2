package org.pyramiddrop.bench.model;

import java.util.List;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.KeptRows;
import org.pyramiddrop.transformer.engine.KeyValueCache;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.Sequence;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/**
 * A random prompt's way through a decoder's first layers, or through all of them, that can be run
 * again and again and recorded. Each run embeds the prompt anew, since layers work in place.
 */
public final class RepeatedPrefill implements AutoCloseable {
  private final Resources owned = new Resources();
  private final Kernels kernels;
  private final Decoder decoder;
  private final Schedule schedule;
  private final int layers;
  private final Prompt prompt;
  private final List<Tensor> images;
  private final Indices ids;
  private final KeptRows kept;
  private final KeyValueCache cache;
  private final Tensor logits;
  private final Tensor output;

  /**
   * Draws the prompt and takes the memory.
   *
   * @param layers how many layers run; if all do, the output head does as well
   */
  public RepeatedPrefill(
      ModelOnDevice model, PromptShape shape, PruningPlan plan, int layers, long seed) {
    kernels = model.kernels();
    decoder = model.engine().decoder();
    this.layers = layers;
    if (layers < 1 || layers > decoder.layers()) {
      throw new IllegalArgumentException(
          "of %d layers %d can't be run".formatted(decoder.layers(), layers));
    }
    schedule = plan.schedule(decoder.layers());
    try {
      RandomPrompt random = model.prompt(shape, seed);
      prompt = random.prompt();
      images = model.engine().allocateEmbeddings(prompt.images(), owned);
      random.draw(images);
      ids = owned.add(kernels.indices(prompt.ids()));
      kept = owned.add(new KeptRows(kernels, schedule, prompt));
      cache = owned.add(decoder.allocateCache(prompt, schedule, 0));
      logits = owned.add(kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary()));
      output =
          whole()
              ? logits
              : owned.add(
                  kernels.allocate(kept.length(schedule.stageOf(layers)), decoder.hiddenSize()));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private boolean whole() {
    return layers == decoder.layers();
  }

  /** Runs the layers once, without waiting for the device. */
  public void run() {
    try (Sequence sequence = embedded()) {
      run(sequence);
    }
  }

  /** Runs the layers once on the CPU, and returns the milliseconds that they took. */
  public double millis() {
    try (Sequence sequence = embedded()) {
      return Stopwatch.time(() -> run(sequence));
    }
  }

  private Sequence embedded() {
    return new Sequence(kernels, schedule, kept, embed());
  }

  private Tensor embed() {
    return decoder.embedPrompt(ids, prompt.images(), images);
  }

  private void run(Sequence sequence) {
    try {
      decoder.prefill(sequence, 0, schedule, cache, done -> stop(sequence, done), logits);
    } catch (LastLayer _) {
      return;
    }
  }

  private void stop(Sequence sequence, int done) {
    if (done == layers && !whole()) {
      kernels.copy(sequence.hidden(), output);
      throw new LastLayer();
    }
  }

  private static final class LastLayer extends RuntimeException {
    private static final long serialVersionUID = 1L;

    LastLayer() {
      super(null, null, false, false);
    }
  }

  /** The embedded prompt, tokens × hidden. */
  public float[] input() {
    try (Tensor embedded = embed()) {
      return kernels.download(embedded);
    }
  }

  /**
   * What the last run came to: the last token's logits if all layers run, otherwise the hidden
   * states of the tokens that are left, row by row.
   */
  public float[] output() {
    return kernels.download(output);
  }

  @Override
  public void close() {
    owned.close();
  }
}
