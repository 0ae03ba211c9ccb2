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
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
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

  /** How long loading took, until the device had all weights, in milliseconds. */
  public double loadMillis() {
    return loadMillis;
  }

  /**
   * A picture of random pixels.
   *
   * @param size which decides the tiles of a model that has any
   */
  public RandomPicture picture(Resolution size, long seed) {
    ImageLayout layout = ImageLayout.of(config, size);
    VisionConfig vision = config.vision();
    Random random = new Random(seed);
    List<Pixels> crops = new ArrayList<>();
    for (int i = 0; i < layout.crops(); i++) {
      float[] values = new float[vision.channels() * vision.imageSize() * vision.imageSize()];
      for (int j = 0; j < values.length; j++) {
        values[j] = (float) random.nextGaussian();
      }
      crops.add(new Pixels(vision.channels(), vision.imageSize(), vision.imageSize(), values));
    }
    return new RandomPicture(size, layout, crops);
  }

  /**
   * A picture as the vision tower takes it.
   *
   * @param layout which tokens it becomes
   * @param crops the whole picture, then its tiles
   */
  public record RandomPicture(Resolution size, ImageLayout layout, List<Pixels> crops) {
    /** Keeps its own copy of the list. */
    public RandomPicture {
      crops = List.copyOf(crops);
    }
  }

  /**
   * A prompt of a picture and random words.
   *
   * @param textTokens half of them before the picture
   * @param further tokens that there is room for behind the first one
   */
  public Conversation conversation(
      RandomPicture picture, int textTokens, PruningPlan plan, int further, long seed) {
    return new Conversation(picture, textTokens, plan, further, seed);
  }

  /** A prompt, its recorded prefill and decode step, and its caches. */
  public final class Conversation implements AutoCloseable {
    private final RandomPicture picture;
    private final Prompt prompt;
    private final Slot slot;
    private final Sampler sampler = new Sampler(Sampling.greedy());
    private int taken;

    private Conversation(
        RandomPicture picture, int textTokens, PruningPlan plan, int further, long seed) {
      this.picture = picture;
      // Ids from the image token on are no text.
      List<Integer> ids =
          new ArrayList<>(
              new Random(seed).ints(textTokens, 0, config.imageTokenId()).boxed().toList());
      ids.add(textTokens / 2, config.imageTokenId());
      prompt =
          Prompt.of(
              ids.stream().mapToInt(Integer::intValue).toArray(),
              config.imageTokenId(),
              List.of(picture.layout));
      Slot.Shape shape = new Slot.Shape(prompt.length(), prompt.images(), plan, further);
      slot = new Slot(kernels, decoder, shape);
    }

    /** All token ids, the image token as often as the picture has tokens. */
    public int[] ids() {
      return prompt.ids();
    }

    /** The prompt's lengths. */
    public PromptShape shape() {
      return prompt.shape();
    }

    /** Encodes the picture and waits for its embeddings. */
    public void see() {
      Tensor embeddings = encode();
      kernels.download(embeddings.rows(embeddings.rows() - 1, 1));
    }

    private Tensor encode() {
      Tensor embeddings = slot.images().getFirst();
      encoder.encode(
          picture.crops, picture.layout, Progress.unheard(TokenListener.Phase.VISION), embeddings);
      return embeddings;
    }

    /**
     * Reads the prompt with the picture as it was seen last, waits, and returns the first token.
     */
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

    /** From the picture's pixels to an answer of that many tokens, each waited for. */
    public int[] answer(int tokens) {
      encode();
      int[] answer = new int[tokens];
      answer[0] = prefill();
      for (int i = 1; i < tokens; i++) {
        answer[i] = step();
      }
      return answer;
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
