package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.VisionConfig;
import org.pyramiddrop.transformer.generation.Sampler;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A checkpoint on a device by name, without tokenizer and pictures: vision tower, prefill and
 * decode as {@link Llava} runs them, recorded, on random pixels and token ids. It stands in this
 * package because their classes are not public.
 */
public final class StandaloneModel implements AutoCloseable {
  private static final double NANOS_PER_MILLI = 1e6;

  private final LlavaConfig config;
  private final Kernels kernels;
  private final ImageEncoder encoder;
  private final Decoder decoder;
  private final Resources resources;
  private final double loadMillis;

  private StandaloneModel(Path folder, String device, Resources resources) {
    this.resources = resources;
    long start = System.nanoTime();
    config = LlavaConfig.read(folder);
    Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
    DType dtype = WeightStore.activations(checkpoint, WeightType.AUTO);
    int threads = Runtime.getRuntime().availableProcessors();
    kernels = resources.add(Devices.open(device, threads, dtype));
    WeightStore weights = resources.add(new WeightStore(checkpoint, kernels, WeightType.AUTO));
    encoder = resources.add(new ImageEncoder(kernels, config, weights));
    decoder = resources.add(new Decoder(kernels, config, weights));
    try (Tensor last = kernels.allocate(1, 1)) {
      // What comes last on the device ends last: the weights are there then.
      kernels.upload(new float[1], last);
      kernels.download(last);
    }
    loadMillis = (System.nanoTime() - start) / NANOS_PER_MILLI;
  }

  /**
   * Loads a model folder, weights in the type they are stored in.
   *
   * @param device as {@link Devices#open} takes it
   */
  public static StandaloneModel open(Path folder, String device) {
    Resources resources = new Resources();
    try {
      return new StandaloneModel(folder, device, resources);
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  /** The checkpoint's configuration. */
  public LlavaConfig config() {
    return config;
  }

  /** The device in words. */
  public String device() {
    return kernels.description();
  }

  /** What activations, keys and values are stored as. */
  public DType dtype() {
    return kernels.dtype();
  }

  /** Tokens that a picture becomes. */
  public int imageTokens() {
    return encoder.cropTokens();
  }

  /** How long loading took, until the device had all weights, in milliseconds. */
  public double loadMillis() {
    return loadMillis;
  }

  /** A picture of random pixels. */
  public RandomPicture picture(long seed) {
    return new RandomPicture(seed);
  }

  /** A picture on its way into embeddings; may be encoded again and again. */
  public final class RandomPicture implements AutoCloseable {
    private final Pixels pixels;
    private final Tensor embeddings;

    private RandomPicture(long seed) {
      VisionConfig vision = config.vision();
      int side = vision.imageSize();
      pixels =
          new Pixels(
              vision.channels(), side, side, gaussian(vision.channels() * side * side, seed));
      embeddings = kernels.allocate(encoder.cropTokens(), config.text().hiddenSize());
    }

    /** Runs vision tower and projector and waits for them. */
    public void encode() {
      encoder.encode(pixels, embeddings);
      kernels.download(embeddings.rows(embeddings.rows() - 1, 1));
    }

    @Override
    public void close() {
      embeddings.close();
    }
  }

  private static float[] gaussian(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /**
   * A prompt of this shape with random token ids, each of its images a random picture.
   *
   * @param further tokens that there is room for behind the first one
   */
  public Conversation conversation(PromptShape shape, PruningPlan plan, int further, long seed) {
    return new Conversation(shape, plan, further, seed);
  }

  /** A prompt, its recorded prefill and decode step, and its caches. */
  public final class Conversation implements AutoCloseable {
    private final Prompt prompt;
    private final Slot slot;
    private final Sampler sampler = new Sampler(Sampling.greedy());
    private int taken;

    private Conversation(PromptShape shape, PruningPlan plan, int further, long seed) {
      List<Prompt.Span> spans = new ArrayList<>();
      int at = 0;
      for (int i = 0; i < shape.images().size(); i++) {
        at += shape.text().get(i);
        spans.add(new Prompt.Span(at, shape.images().get(i)));
        at += shape.images().get(i);
      }
      int tokens = shape.textTokens() + shape.imageTokens();
      prompt =
          new Prompt(new Random(seed).ints(tokens, 0, config.text().vocabSize()).toArray(), spans);
      slot = new Slot(kernels, decoder, new Slot.Shape(tokens, spans, plan, further), () -> {});
      for (int i = 0; i < spans.size(); i++) {
        try (RandomPicture picture = picture(seed + i)) {
          encoder.encode(picture.pixels, slot.images().get(i));
        }
      }
    }

    /** Reads the prompt, waits, and returns the first token. */
    public int prefill() {
      taken = 0;
      return number(slot.prefill(prompt, sampler));
    }

    /** Runs the token that came last, waits, and returns the one after it. */
    public int step() {
      int token = slot.step(taken, sampler);
      taken++;
      return number(token);
    }

    static int number(int token) {
      if (token < 0) {
        throw new IllegalStateException("the model's output is not a number");
      }
      return token;
    }

    /** The logits that the last token was chosen by. */
    public float[] logits() {
      return slot.logits();
    }

    /** Bytes that its keys and values take. */
    public long keyValueBytes() {
      return slot.cacheBytes();
    }

    @Override
    public void close() {
      slot.close();
    }
  }

  @Override
  public void close() {
    resources.close();
  }
}
