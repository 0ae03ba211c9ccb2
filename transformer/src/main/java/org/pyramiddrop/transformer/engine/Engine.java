package org.pyramiddrop.transformer.engine;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.DecoderDescription;
import org.pyramiddrop.loader.ModelDescription;

/** A model's image encoder and decoder on a device, with their weights. */
public final class Engine implements AutoCloseable {
  private final Resources owned = new Resources();
  private final Kernels kernels;
  private final ImageEncoder imageEncoder;
  private final Decoder decoder;
  private final RunnerPool runners;

  /** Opens a device; the engine closes it. */
  @FunctionalInterface
  public interface Device {
    /**
     * Opens it.
     *
     * @param activations the type that the decoder computes in
     */
    Kernels open(DType activations);
  }

  private Engine(
      ModelDescription model,
      Checkpoint checkpoint,
      Checkpoint towerCheckpoint,
      WeightTypes types,
      Runnable progress,
      Device device) {
    try {
      Optional<DType> dtype = types.all();
      kernels =
          owned.add(
              device.open(
                  dtype.orElseGet(() -> WeightStore.activations(checkpoint, model.decoder()))));
      // A GPU, which replays, converts what it is handed; the CPU computes with weights as they
      // come.
      Optional<DType> handed = kernels.replays() ? Optional.empty() : dtype;
      WeightTypes toHand = new WeightTypes(handed, types.matrices());
      WeightStore weights = owned.add(new WeightStore(checkpoint, kernels, toHand, progress));
      WeightStore towerWeights =
          towerCheckpoint.equals(checkpoint)
              ? weights
              : owned.add(new WeightStore(towerCheckpoint, kernels, handed));
      imageEncoder = owned.add(new ImageEncoder(kernels, model, towerWeights, weights));
      decoder = owned.add(new Decoder(kernels, model.decoder(), weights));
      runners = owned.add(new RunnerPool(kernels, decoder));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /**
   * Hands a model's weights to a device.
   *
   * @param checkpoint what has the decoder's and the projector's weights; it must stay open
   * @param towerCheckpoint what has the vision tower's: the same, or another
   * @param dtype the type of weights and, on a GPU, of activations; empty for the checkpoint's
   */
  public static Engine load(
      ModelDescription model,
      Checkpoint checkpoint,
      Checkpoint towerCheckpoint,
      Optional<DType> dtype,
      Device device) {
    return load(
        model, checkpoint, towerCheckpoint, WeightTypes.of(dtype), (done, all) -> {}, device);
  }

  /** Hears how many matrices were converted to blocks, and how many will be. */
  @FunctionalInterface
  public interface Conversions {
    void done(int done, int all);
  }

  /**
   * Hands a model's weights to a device, converted.
   *
   * @param checkpoint what has the decoder's and the projector's weights; it must stay open
   * @param towerCheckpoint what has the vision tower's: the same, or another
   */
  public static Engine load(
      ModelDescription model,
      Checkpoint checkpoint,
      Checkpoint towerCheckpoint,
      WeightTypes types,
      Conversions progress,
      Device device) {
    DecoderDescription decoder = model.decoder();
    int all = decoder.layers() * DecoderLayer.MATRICES + (decoder.outputHead().isPresent() ? 1 : 0);
    AtomicInteger done = new AtomicInteger();
    Runnable next = () -> progress.done(done.incrementAndGet(), all);
    return new Engine(model, checkpoint, towerCheckpoint, types, next, device);
  }

  /** The device. */
  public Kernels kernels() {
    return kernels;
  }

  /** From crops to embeddings. */
  public ImageEncoder imageEncoder() {
    return imageEncoder;
  }

  /** From embeddings to logits. */
  public Decoder decoder() {
    return decoder;
  }

  /** What runs sequences through the decoder. */
  public RunnerPool runners() {
    return runners;
  }

  /** Room for images' embeddings, which {@code owner} closes. */
  public List<Tensor> allocateEmbeddings(List<Prompt.Span> images, Resources owner) {
    return images.stream()
        .map(image -> owner.add(kernels.allocate(image.count(), decoder.hiddenSize())))
        .toList();
  }

  @Override
  public void close() {
    owned.close();
  }
}
