package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.generation.Sampler;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A checkpoint on the CPU that answers prompts of given token ids about a picture of given pixels,
 * greedily and past any stop token: what another implementation can be given as well. It stands in
 * this package because the decoder is not public.
 */
public final class StandaloneAnswers implements AutoCloseable {
  private final LlavaConfig config;
  private final Kernels kernels;
  private final ImageEncoder encoder;
  private final Decoder decoder;
  private final Resources resources;

  private StandaloneAnswers(Path folder, WeightType dtype, int threads, Resources resources) {
    this.resources = resources;
    config = LlavaConfig.read(folder);
    Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
    DType activations = WeightStore.activations(checkpoint, dtype);
    kernels = resources.add(Devices.open("cpu", threads, activations));
    WeightStore weights = resources.add(new WeightStore(checkpoint, kernels, dtype));
    encoder = resources.add(new ImageEncoder(kernels, config, weights));
    decoder = resources.add(new Decoder(kernels, config, weights));
  }

  /** Opens a model folder on the CPU. */
  public static StandaloneAnswers open(Path folder, WeightType dtype, int threads) {
    Resources resources = new Resources();
    try {
      return new StandaloneAnswers(folder, dtype, threads, resources);
    } catch (RuntimeException | Error e) {
      resources.closeAfter(e);
      throw e;
    }
  }

  /** The checkpoint's configuration. */
  public LlavaConfig config() {
    return config;
  }

  /**
   * Takes memory for a prompt about one picture.
   *
   * @param ids the prompt, the image token once
   * @param tokens how many the answer has, at least one
   */
  public Answering answering(List<Integer> ids, Pixels pixels, PruningPlan plan, int tokens) {
    return new Answering(ids, pixels, plan, tokens);
  }

  /** One prompt, answered again and again. */
  public final class Answering implements AutoCloseable {
    private final Prompt prompt;
    private final Pixels pixels;
    private final Slot slot;
    private final Sampler sampler = new Sampler(Sampling.greedy());
    private int run;

    private Answering(List<Integer> ids, Pixels pixels, PruningPlan plan, int tokens) {
      this.pixels = pixels;
      int[] once = ids.stream().mapToInt(Integer::intValue).toArray();
      int side = config.vision().imageSize();
      ImageLayout layout = ImageLayout.of(config, new Resolution(side, side));
      if (layout.crops() != 1) {
        throw new IllegalArgumentException(
            "a model that cuts pictures into tiles can't be given one crop");
      }
      prompt = Prompt.of(once, config.imageTokenId(), List.of(layout));
      Slot.Shape shape = new Slot.Shape(prompt.length(), prompt.images(), plan, tokens - 1);
      slot = new Slot(kernels, decoder, shape);
    }

    /** The prompt with the image token as often as the picture has tokens. */
    public int[] ids() {
      return prompt.ids();
    }

    /** Encodes the picture, reads the prompt and returns the first token. */
    public int first() {
      run = 0;
      encoder.encode(
          pixels, Progress.unheard(TokenListener.Phase.VISION), slot.images().getFirst());
      return slot.prefill(prompt, sampler);
    }

    /** Runs the token that came last and returns the one after it. */
    public int next() {
      int token = slot.step(run, sampler);
      run++;
      return token;
    }

    /** The logits that the last token was chosen by. */
    public float[] logits() {
      return slot.logits();
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
