package org.pyramiddrop.training.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import org.pyramiddrop.transformer.pruning.Schedule;

/** A LLaVA model whose parameters gather gradients. */
public final class TrainedModel implements AutoCloseable {
  private final Device device;
  private final Settings settings;
  private final Schedule schedule;
  private final TrainedWeights weights;
  private final TrainedImages images;
  private final TrainedDecoder decoder;
  private final Resources owned = new Resources();

  /**
   * What is trained, and how.
   *
   * @param parts that are trained; of the decoder only its LoRA if there is one
   * @param plan where image tokens are dropped, between decoder layers alone
   * @param checkpointing whether layers are computed again for their backward pass, which takes a
   *     third more time and much less memory
   * @param seed of a LoRA's first numbers
   */
  public record Settings(
      Set<ModelPart> parts,
      Optional<LoraSettings> lora,
      PruningPlan plan,
      boolean checkpointing,
      long seed) {
    /** Refuses to train nothing, a LoRA of a frozen decoder, and cuts before the decoder. */
    public Settings {
      parts = Set.copyOf(parts);
      if (parts.isEmpty()) {
        throw new IllegalArgumentException("nothing is to be trained; name at least one part");
      }
      if (!plan.cutsBeforeDecoder().isEmpty()) {
        throw new IllegalArgumentException(
            "training drops image tokens between decoder layers only; leave out what the plan cuts"
                + " in the vision tower or after the projector");
      }
      if (lora.isPresent() && !parts.contains(ModelPart.DECODER)) {
        throw new IllegalArgumentException("a LoRA is of the decoder, which isn't to be trained");
      }
    }
  }

  private TrainedModel(
      ModelDescription description,
      Checkpoint checkpoint,
      Checkpoint towerCheckpoint,
      Kernels kernels,
      Settings settings) {
    this.settings = settings;
    device = Device.of(kernels);
    schedule = settings.plan.schedule(description.decoder().layers());
    try {
      WeightStore store = owned.add(new WeightStore(checkpoint, kernels, Optional.empty()));
      WeightStore towerStore =
          towerCheckpoint.equals(checkpoint)
              ? store
              : owned.add(new WeightStore(towerCheckpoint, kernels, Optional.empty()));
      weights = owned.add(new TrainedWeights(device, settings.parts, settings.lora, settings.seed));
      boolean checkpointing = settings.checkpointing;
      images =
          owned.add(
              new TrainedImages(device, description, weights, store, towerStore, checkpointing));
      decoder =
          owned.add(
              new TrainedDecoder(device, description.decoder(), weights, store, checkpointing));
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  private TrainedModel(TrainedModel shared, PruningPlan plan) {
    device = shared.device;
    settings =
        new Settings(
            shared.settings.parts,
            shared.settings.lora,
            plan,
            shared.settings.checkpointing,
            shared.settings.seed);
    schedule = plan.schedule(shared.schedule.layers());
    weights = shared.weights;
    images = shared.images;
    decoder = shared.decoder;
  }

  /**
   * The same model under another plan: it shares parameters and gradients, and closing it frees
   * nothing.
   */
  public TrainedModel under(PruningPlan plan) {
    return new TrainedModel(this, plan);
  }

  /**
   * Hands a model's weights to a device.
   *
   * @param checkpoint what has the decoder's and the projector's weights; it must stay open
   * @param towerCheckpoint what has the vision tower's: the same, or another
   * @param kernels the device, which must stay open
   */
  public static TrainedModel load(
      ModelDescription description,
      Checkpoint checkpoint,
      Checkpoint towerCheckpoint,
      Kernels kernels,
      Settings settings) {
    if (description.decoder().quantization().isPresent()) {
      throw new CheckpointException(
          checkpoint.folder(), "is quantised, and training takes float weights");
    }
    return new TrainedModel(description, checkpoint, towerCheckpoint, kernels, settings);
  }

  /** What is trained, always in the same order. */
  public List<NamedParameter> parameters() {
    return weights.parameters();
  }

  /** The device. */
  public Device device() {
    return device;
  }

  /**
   * Runs samples forward and backward, all at once, and adds the gradients of {@code scale} times
   * the sum of the losses of all their answers' tokens.
   *
   * @param imageToken the image token's id
   * @return that sum, not scaled
   */
  public double lossAndGradient(List<TrainedSample> samples, int imageToken, float scale) {
    return lossAndGradient(samples, imageToken, scale, (_, _) -> {});
  }

  /** Hears which image tokens stayed. */
  @FunctionalInterface
  public interface KeptListener {
    /**
     * Hears of a sample that was run.
     *
     * @param sample its number among those that were run together
     * @param kept asks the device: for each stage, for each image, its tokens in order, as indices
     *     into that image's own tokens before any drop
     */
    void ran(int sample, Supplier<List<List<List<Integer>>>> kept);
  }

  /**
   * Does what {@link #lossAndGradient(List, int, float)} does, and tells which image tokens stayed.
   */
  public double lossAndGradient(
      List<TrainedSample> samples, int imageToken, float scale, KeptListener listener) {
    boolean imagesAsked =
        settings.parts.contains(ModelPart.PROJECTOR) || settings.parts.contains(ModelPart.TOWER);
    try (Resources pass = new Resources()) {
      List<TrainedSequence> sequences = new ArrayList<>();
      List<List<TrainedImages.Saved>> encoded = new ArrayList<>();
      List<List<Tensor>> embeddings = new ArrayList<>();
      List<List<Tensor>> gradients = new ArrayList<>();
      for (TrainedSample sample : samples) {
        sequences.add(
            pass.add(
                new TrainedSequence(
                    device.kernels(),
                    schedule,
                    sample.ids(),
                    sample.answer(),
                    imageToken,
                    sample.layouts())));
        List<TrainedImages.Saved> own = new ArrayList<>();
        for (int i = 0; i < sample.layouts().size(); i++) {
          own.add(pass.add(images.forward(sample.crops().get(i), sample.layouts().get(i))));
        }
        encoded.add(own);
        embeddings.add(own.stream().map(image -> image.embeddings).toList());
        if (imagesAsked) {
          gradients.add(
              own.stream()
                  .map(image ->
                      pass.add(
                          device
                              .kernels()
                              .allocate(image.embeddings.rows(), image.embeddings.columns())))
                  .toList());
        }
      }
      double loss = decoder.lossAndGradient(sequences, schedule, embeddings, scale, gradients);
      for (int s = 0; s < sequences.size(); s++) {
        listener.ran(s, sequences.get(s).kept()::imageTokens);
      }
      for (int s = 0; s < gradients.size(); s++) {
        for (int i = 0; i < gradients.get(s).size(); i++) {
          images.backward(encoded.get(s).get(i), gradients.get(s).get(i));
        }
      }
      return loss;
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
