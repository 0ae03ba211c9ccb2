package org.pyramiddrop.transformer;

import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Profile;
import org.pyramiddrop.kernels.Recording;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.transformer.generation.Sampler;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A checkpoint on a GPU whose recordings, the very ones that {@link Llava} runs, are profiled
 * launch by launch, on random token ids and embeddings. It stands in this package because their
 * classes are not public.
 */
public final class ProfiledModel implements AutoCloseable {
  private static final long SEED = 11;

  private final LlavaConfig config;
  private final Kernels kernels;
  private final ImageEncoder encoder;
  private final Decoder decoder;
  private final Resources resources;

  private ProfiledModel(Path folder, Resources resources) {
    this.resources = resources;
    config = LlavaConfig.read(folder);
    Checkpoint checkpoint = resources.add(Checkpoint.open(folder));
    DType dtype = WeightStore.activations(checkpoint, WeightType.AUTO);
    kernels = resources.add(Devices.open("cuda", 1, dtype));
    WeightStore weights = resources.add(new WeightStore(checkpoint, kernels, WeightType.AUTO));
    encoder = resources.add(new ImageEncoder(kernels, config, weights));
    decoder = resources.add(new Decoder(kernels, config, weights));
  }

  /**
   * Loads a model folder, weights in the type they are stored in.
   *
   * @throws org.pyramiddrop.kernels.DeviceException if there is no GPU
   */
  public static ProfiledModel open(Path folder) {
    Resources resources = new Resources();
    try {
      return new ProfiledModel(folder, resources);
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

  /** What weights, keys and values are stored as. */
  public DType dtype() {
    return kernels.dtype();
  }

  /** What a picture of that size becomes; without one, of the vision tower's own size. */
  public ImageLayout layout(@Nullable Resolution picture) {
    int side = config.vision().imageSize();
    return ImageLayout.of(config, picture == null ? new Resolution(side, side) : picture);
  }

  /** Profiles of one crop's way through vision tower and projector. */
  public List<Profile> crop(Profile.Order order, int runs) {
    return encoder.profile(order, runs);
  }

  /** A prompt about one picture, half of its text before it, half behind it. */
  public Prompted prompted(ImageLayout picture, int textTokens, PruningPlan plan) {
    return new Prompted(picture, textTokens, plan);
  }

  /** A prompt's prefill and the decode step right behind it. */
  public final class Prompted implements AutoCloseable {
    private final Slot slot;

    private Prompted(ImageLayout picture, int textTokens, PruningPlan plan) {
      List<Prompt.Span> spans = List.of(new Prompt.Span(textTokens / 2, picture.tokens()));
      int tokens = textTokens + picture.tokens();
      Random random = new Random(SEED);
      Prompt prompt =
          new Prompt(random.ints(tokens, 0, config.text().vocabSize()).toArray(), spans);
      Sampler sampler = new Sampler(Sampling.greedy());
      slot = new Slot(kernels, decoder, new Slot.Shape(tokens, spans, plan, 1));
      try {
        Tensor embeddings = slot.images().getFirst();
        int size = embeddings.rows() * embeddings.columns();
        kernels.upload(StandaloneDecoder.uniform(size, SEED), embeddings);
        // Loads kernels, plans products, and leaves a prompt's keys and values behind.
        StandaloneModel.Conversation.number(slot.prefill(prompt, sampler));
        StandaloneModel.Conversation.number(slot.step(0, sampler));
      } catch (RuntimeException | Error e) {
        slot.close();
        throw e;
      }
    }

    /** Profiles of the way from ids and embeddings to the first token. */
    public List<Profile> prefill(Profile.Order order, int runs) {
      try (Recording recording = slot.recordPrefill()) {
        return recording.profile(order, runs);
      }
    }

    /** Profiles of the way from one token to the next, the prompt's keys and values before it. */
    public List<Profile> step(Profile.Order order, int runs) {
      try (Recording recording = slot.recordStep()) {
        return recording.profile(order, runs);
      }
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
