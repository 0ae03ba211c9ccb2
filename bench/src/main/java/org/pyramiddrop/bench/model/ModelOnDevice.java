package org.pyramiddrop.bench.model;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.timing.Stopwatch;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Devices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.FileAccess;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.transformer.engine.Engine;
import org.pyramiddrop.transformer.engine.Progress;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightTypes;
import org.pyramiddrop.transformer.pruning.PromptShape;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/**
 * A checkpoint on a device without tokenizer and preprocessing: vision tower, prefill and decode as
 * users run them, on given pixels and token ids.
 *
 * @param loadMillis how long loading took, until the device had all weights
 * @param owned closed with it
 */
public record ModelOnDevice(LlavaConfig config, Engine engine, double loadMillis, Resources owned)
    implements AutoCloseable {
  /**
   * Loads a model folder.
   *
   * @param dtype the type of the weights; empty for that in which they are stored
   */
  public static ModelOnDevice open(Path folder, Optional<DType> dtype, Engine.Device device) {
    return open(folder, FileAccess.MAPPED, dtype, device);
  }

  /**
   * Loads a model folder.
   *
   * @param reading how its weights get into memory
   * @param dtype the type of the weights, or of the matrices of the decoder's layers alone if it is
   *     one in blocks; empty for that in which they are stored
   */
  public static ModelOnDevice open(
      Path folder, FileAccess reading, Optional<DType> dtype, Engine.Device device) {
    Stopwatch stopwatch = new Stopwatch();
    Resources owned = new Resources();
    try {
      LlavaConfig config = LlavaConfig.read(folder);
      Checkpoint checkpoint = owned.add(Checkpoint.open(folder, reading));
      ModelDescription description = ModelDescription.of(config, checkpoint, checkpoint);
      WeightTypes types =
          dtype.filter(DType::inBlocks).isPresent()
              ? new WeightTypes(Optional.empty(), dtype)
              : WeightTypes.of(dtype);
      Engine engine =
          owned.add(Engine.load(description, checkpoint, checkpoint, types, (_, _) -> {}, device));
      waitFor(engine.kernels());
      return new ModelOnDevice(config, engine, stopwatch.millis(), owned);
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /** Opens a device by its name, as {@link Devices#open} takes it, with all processors' threads. */
  public static Engine.Device device(String name) {
    return device(name, 0);
  }

  /** Opens a device by its name, as {@link Devices#open} takes it. */
  public static Engine.Device device(String name, int threads) {
    return dtype -> Devices.open(name, threads, dtype);
  }

  /** Waits for all that a device was given before: what comes last on it ends last. */
  static void waitFor(Kernels kernels) {
    try (Tensor last = kernels.allocate(1, 1)) {
      kernels.upload(new float[1], last);
      kernels.download(last);
    }
  }

  public Kernels kernels() {
    return engine.kernels();
  }

  /** The device in words. */
  public String device() {
    return engine.kernels().description();
  }

  /** What the matrices of the decoder's layers are stored as. */
  public DType weights() {
    return engine.decoder().dtype();
  }

  /** What activations, keys and values are stored as. */
  public DType dtype() {
    return engine.kernels().dtype();
  }

  /** A prompt of this shape with random token ids and random image embeddings. */
  public RandomPrompt prompt(PromptShape shape, long seed) {
    return RandomPrompt.of(engine, shape, seed);
  }

  /**
   * An answer.
   *
   * @param furtherTokens that there is room for behind the first one
   */
  public RepeatedAnswer answer(ModelInput input, PruningPlan plan, int furtherTokens) {
    int[] words = input.ids().stream().mapToInt(Integer::intValue).toArray();
    TowerInput image = input.image();
    Progress silent = Progress.ofVision(Progress.SILENT, Integer.MAX_VALUE);
    return new RepeatedAnswer(
        engine,
        Prompt.of(words, config.imageTokenId(), List.of(image.layout()), plan),
        plan,
        furtherTokens,
        (cuts, embeddings) -> {
          Tensor out = embeddings.getFirst();
          if (cuts.isEmpty()) {
            engine.imageEncoder().encode(image.crops(), image.layout(), silent, out);
          } else {
            engine
                .imageEncoder()
                .encode(image.crops(), image.layout(), cuts.getFirst(), silent, out);
          }
        });
  }

  /** An answer to random words, without an image and without pruning. */
  public RepeatedAnswer answer(int words, int furtherTokens, long seed) {
    PromptShape shape = new PromptShape(List.of(words), List.of(), 0);
    return new RepeatedAnswer(
        engine, prompt(shape, seed).prompt(), PruningPlan.none(), furtherTokens, (_, _) -> {});
  }

  @Override
  public void close() {
    owned.close();
  }
}
