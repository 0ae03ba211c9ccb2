package org.pyramiddrop.bench.model;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.transformer.engine.Decoder;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.KeptRows;
import org.pyramiddrop.transformer.engine.KeyValueCache;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.Sequence;
import org.pyramiddrop.transformer.engine.WeightStore;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** A checkpoint's decoder without vision tower and tokenizer, fed with random prompts. */
public final class DecoderOnDevice implements AutoCloseable {
  private static final double NANOS_PER_MILLI = 1e6;

  private final LlavaConfig config;
  private final Kernels kernels;
  private final Decoder decoder;
  private final Resources resources;

  private DecoderOnDevice(
      Path folder, Optional<DType> dtype, Engine.Device device, Resources resources) {
    this.resources = resources;
    config = LlavaConfig.read(folder);
    Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
    DecoderDescription description = ModelDescription.of(config, checkpoint, checkpoint).decoder();
    kernels =
        resources.add(
            device.open(dtype.orElseGet(() -> WeightStore.activations(checkpoint, description))));
    // A GPU converts what it is handed; the CPU computes with weights as it gets them.
    Optional<DType> handed = kernels.replays() ? Optional.empty() : dtype;
    WeightStore weights = resources.add(new WeightStore(checkpoint, kernels, handed));
    decoder = resources.add(new Decoder(kernels, description, weights));
  }

  /**
   * Opens the decoder of a model folder.
   *
   * @param dtype the type of the weights; empty for that in which they are stored
   */
  public static DecoderOnDevice open(Path folder, Optional<DType> dtype, Engine.Device device) {
    Resources resources = new Resources();
    try {
      return new DecoderOnDevice(folder, dtype, device, resources);
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  static float[] uniform(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = 2 * random.nextFloat() - 1;
    }
    return values;
  }

  /** The checkpoint's configuration. */
  public LlavaConfig config() {
    return config;
  }

  /** The device that the decoder runs on. */
  public Kernels kernels() {
    return kernels;
  }

  Decoder decoder() {
    return decoder;
  }

  /** A prompt of this shape with random token ids and random image embeddings. */
  public RandomPrompt prompt(PromptShape shape, long seed) {
    return new RandomPrompt(shape, seed);
  }

  /** A prompt's ids and image embeddings. */
  public final class RandomPrompt implements AutoCloseable {
    private final Prompt prompt;
    private final List<Tensor> images = new ArrayList<>();

    private RandomPrompt(PromptShape shape, long seed) {
      List<Prompt.Span> spans = new ArrayList<>();
      int at = 0;
      for (int i = 0; i < shape.images().size(); i++) {
        at += shape.text().get(i);
        int count = shape.images().get(i);
        spans.add(new Prompt.Span(at, count));
        at += count;
        Tensor image = kernels.allocate(count, config.text().hiddenSize());
        kernels.upload(uniform(count * config.text().hiddenSize(), seed + i), image);
        images.add(image);
      }
      int vocabulary = config.text().vocabSize();
      int[] ids =
          new Random(seed).ints(shape.textTokens() + shape.imageTokens(), 0, vocabulary).toArray();
      prompt = new Prompt(ids, spans);
    }

    /** Embeds the prompt and makes a cache: everything that a prefill needs and that is not one. */
    public Prefill start(PruningPlan plan) {
      return new Prefill(this, plan.schedule(config.text().layers()));
    }

    /**
     * Gives the prompt what an answer has: caches with room for it, prefill and step as recordings.
     *
     * @param furtherTokens that there is room for behind the first one
     */
    public RepeatedAnswer answer(PruningPlan plan, int furtherTokens) {
      RepeatedAnswer answer =
          new RepeatedAnswer(kernels, decoder, prompt, plan, furtherTokens, this::copy);
      answer.encode();
      return answer;
    }

    private void copy(List<Tensor> embeddings) {
      for (int i = 0; i < images.size(); i++) {
        kernels.copy(images.get(i), embeddings.get(i));
      }
    }

    Prompt prompt() {
      return prompt;
    }

    /** The embedded prompt, which the caller closes. */
    Tensor embed(Indices ids) {
      return decoder.embedPrompt(ids, prompt.images(), images);
    }

    @Override
    public void close() {
      images.forEach(Tensor::close);
    }
  }

  /** One prompt on its way through the layers; runs once. */
  public final class Prefill implements AutoCloseable {
    private final Resources owned = new Resources();
    private final Schedule schedule;
    private final KeyValueCache cache;
    private final Sequence sequence;
    private final Tensor logits;
    private final List<Double> layerMillis = new ArrayList<>();

    private Prefill(RandomPrompt random, Schedule schedule) {
      this.schedule = schedule;
      Prompt prompt = random.prompt;
      cache = owned.add(decoder.allocateCache(prompt, schedule, 0));
      KeptRows kept = owned.add(new KeptRows(kernels, schedule, prompt));
      logits = owned.add(kernels.allocate(DType.FLOAT32, 1, decoder.vocabulary()));
      try (Indices ids = kernels.indices(prompt.ids())) {
        Tensor merged = decoder.embedPrompt(ids, prompt.images(), random.images);
        sequence = owned.add(new Sequence(kernels, schedule, kept, merged));
      }
    }

    /** Runs all layers and returns the last token's logits. */
    public float[] run() {
      prefill(config.text().layers() + 1);
      return kernels.download(logits);
    }

    /**
     * Runs the first layers only.
     *
     * @param layers fewer than the model has: the last one computes the last token only
     */
    public void run(int layers) {
      if (layers >= config.text().layers()) {
        throw new IllegalArgumentException(
            "of %d layers fewer can be run alone, not %d"
                .formatted(config.text().layers(), layers));
      }
      try {
        prefill(layers);
      } catch (StopHere _) {
        return;
      }
      throw new AssertionError("the prefill went past layer " + layers);
    }

    private void prefill(int stopAfter) {
      long[] before = {System.nanoTime()};
      decoder.prefill(
          sequence,
          0,
          schedule,
          cache,
          done -> {
            long now = System.nanoTime();
            layerMillis.add((now - before[0]) / NANOS_PER_MILLI);
            before[0] = now;
            if (done == stopAfter) {
              throw new StopHere();
            }
          },
          logits);
    }

    /** How long each layer took. */
    public List<Double> layerMillis() {
      return List.copyOf(layerMillis);
    }

    /** Hidden states of the tokens that are left, row by row. */
    public float[] hidden() {
      return kernels.download(sequence.hidden());
    }

    @Override
    public void close() {
      owned.close();
    }
  }

  /** Ends a prefill early. */
  static final class StopHere extends RuntimeException {
    private static final long serialVersionUID = 1L;

    StopHere() {
      super(null, null, false, false);
    }
  }

  @Override
  public void close() {
    resources.close();
  }
}
