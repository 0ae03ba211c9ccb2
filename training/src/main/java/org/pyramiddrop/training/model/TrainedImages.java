package org.pyramiddrop.training.model;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ModelDescription;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.VisionTower;
import org.pyramiddrop.transformer.engine.WeightStore;

/** From an image's crops to its embeddings and back: vision tower, projector, newline tokens. */
final class TrainedImages implements AutoCloseable {
  private final Device device;
  private final Kernels kernels;
  private final VisionTower tower;
  private final @Nullable TrainedVisionTower trainedTower;
  private final TrainedProjector projector;
  private final @Nullable Learnt newline;
  private final int hidden;
  private final Resources owned = new Resources();

  /**
   * Loads the parts.
   *
   * @param store has the projector's and the newline's tensors
   * @param towerStore has the vision tower's
   */
  TrainedImages(
      Device device,
      ModelDescription model,
      TrainedWeights weights,
      WeightStore store,
      WeightStore towerStore,
      boolean checkpointing) {
    this.device = device;
    kernels = device.kernels();
    hidden = model.decoder().hiddenSize();
    try {
      // The inference tower cuts patches, and encodes where the tower is frozen.
      tower = owned.add(new VisionTower(kernels, model.visionTower(), towerStore));
      trainedTower =
          weights.trains(ModelPart.TOWER)
              ? owned.add(
                  new TrainedVisionTower(
                      device, model.visionTower(), weights, towerStore, checkpointing))
              : null;
      projector = new TrainedProjector(device, model.projector(), weights, store);
      newline =
          model
              .imageNewline()
              .map(name -> weights.reshaped(store, ModelPart.PROJECTOR, name, 1, hidden, hidden))
              .orElse(null);
    } catch (RuntimeException | Error e) {
      owned.closeAfter(e);
      throw e;
    }
  }

  /** What a forward pass saves. */
  static final class Saved implements AutoCloseable {
    private final Resources owned = new Resources();
    private final List<TrainedVisionTower.Saved> crops = new ArrayList<>();
    private final ImageLayout layout;
    private TrainedProjector.@Nullable Saved projected;

    /** The image's embeddings, tokens × the decoder's hidden size. */
    final Tensor embeddings;

    Saved(ImageLayout layout, Tensor embeddings) {
      this.layout = layout;
      this.embeddings = owned.add(embeddings);
    }

    @Override
    public void close() {
      owned.close();
    }
  }

  /** Encodes an image. */
  Saved forward(List<Pixels> crops, ImageLayout layout) {
    Saved saved = new Saved(layout, kernels.allocate(layout.tokens(), hidden));
    try {
      int tokens = tower.tokens();
      Tensor features = saved.owned.add(kernels.allocate(crops.size() * tokens, tower.columns()));
      for (int i = 0; i < crops.size(); i++) {
        encode(crops.get(i), features.rows(i * tokens, tokens), saved);
      }
      if (newline == null) {
        saved.projected = saved.owned.add(projector.forward(features, saved.embeddings));
        return saved;
      }
      int rows = features.rows();
      try (Tensor all = kernels.allocate(rows + 1, hidden);
          Indices sources = kernels.indices(layout.sources());
          Indices first = kernels.indices(0)) {
        saved.projected = saved.owned.add(projector.forward(features, all.rows(0, rows)));
        kernels.embed(newline.weight(), first, all.rows(rows, 1));
        kernels.gatherRows(all, sources, saved.embeddings);
      }
      return saved;
    } catch (RuntimeException | Error e) {
      saved.owned.closeAfter(e);
      throw e;
    }
  }

  private void encode(Pixels crop, Tensor features, Saved saved) {
    try (Tensor pixels = tower.allocatePixels(1)) {
      kernels.upload(crop.values(), pixels);
      if (trainedTower == null) {
        tower.encode(pixels, () -> {}, features);
      } else {
        Tensor patches = trainedTower.allocatePatches();
        tower.patches(pixels, patches);
        saved.crops.add(saved.owned.add(trainedTower.forward(patches, features)));
      }
    }
  }

  /** Adds the gradients of what is trained. */
  void backward(Saved saved, Tensor dEmbeddings) {
    TrainedProjector.Saved projected = Objects.requireNonNull(saved.projected);
    if (newline == null) {
      projectorBackward(saved, projected, dEmbeddings);
      return;
    }
    int rows = projected.features().rows();
    // A row of newline tokens is read many times: gradients add up, so in float32.
    try (Tensor dAll = kernels.allocate(DType.FLOAT32, rows + 1, hidden);
        Indices sources = kernels.indices(saved.layout.sources());
        Tensor dProjected = device.zeros(rows, hidden)) {
      device.gradients().clear(dAll);
      device.gradients().addToTable(dEmbeddings, sources, dAll);
      Tensor dNewline = newline.gradient();
      if (dNewline != null) {
        device.gradients().addScaled(dAll.rows(rows, 1), 1, dNewline);
      }
      device.gradients().addScaled(dAll.rows(0, rows), 1, dProjected);
      projectorBackward(saved, projected, dProjected);
    }
  }

  private void projectorBackward(Saved saved, TrainedProjector.Saved projected, Tensor dProjected) {
    if (trainedTower == null) {
      projector.backward(projected, dProjected, null);
      return;
    }
    int tokens = tower.tokens();
    try (Tensor dFeatures = kernels.allocate(projected.features().rows(), tower.columns())) {
      projector.backward(projected, dProjected, dFeatures);
      for (int i = 0; i < saved.crops.size(); i++) {
        trainedTower.backward(saved.crops.get(i), dFeatures.rows(i * tokens, tokens));
      }
    }
  }

  @Override
  public void close() {
    owned.close();
  }
}
