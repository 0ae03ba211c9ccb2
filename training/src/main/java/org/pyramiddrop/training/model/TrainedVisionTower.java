package org.pyramiddrop.training.model;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.loader.VisionTowerDescription;
import org.pyramiddrop.transformer.engine.Resources;
import org.pyramiddrop.transformer.engine.WeightStore;

/**
 * CLIP's vision transformer, forward and backward, as far as the layer whose hidden states LLaVA
 * reads: layers behind it have no gradient and are not here.
 */
final class TrainedVisionTower implements AutoCloseable {
  private final Device device;
  private final Kernels kernels;
  private final VisionTowerDescription config;
  private final Learnt classEmbedding;
  private final TrainedLinear patchEmbedding;
  private final Learnt positionEmbedding;
  private final TrainedLayerNorm preNorm;
  private final List<TrainedTowerLayer> layers = new ArrayList<>();
  private final Indices first;
  private final boolean checkpointing;

  TrainedVisionTower(
      Device device,
      VisionTowerDescription config,
      TrainedWeights weights,
      WeightStore store,
      boolean checkpointing) {
    this.device = device;
    this.config = config;
    this.checkpointing = checkpointing;
    kernels = device.kernels();
    int hidden = config.hiddenSize();
    int patch = config.patchSize();
    String prefix = config.prefix();
    Activation activation =
        switch (config.activation()) {
          case EXACT -> Activation.GELU;
          case QUICK -> Activation.QUICK_GELU;
        };
    classEmbedding =
        weights.reshaped(
            store, ModelPart.TOWER, prefix + "embeddings.class_embedding", 1, hidden, hidden);
    patchEmbedding =
        new TrainedLinear(
            device,
            weights.reshaped(
                store,
                ModelPart.TOWER,
                prefix + "embeddings.patch_embedding.weight",
                hidden,
                config.channels() * patch * patch,
                hidden,
                config.channels(),
                patch,
                patch),
            null,
            null);
    positionEmbedding =
        weights.matrix(
            store,
            ModelPart.TOWER,
            prefix + "embeddings.position_embedding.weight",
            config.patches() + 1,
            hidden);
    preNorm =
        new TrainedTowerLayer.Loader(device, weights, store, prefix)
            .norm("pre_layrnorm", hidden, config.normEpsilon());
    for (int i = 0; i < config.layers(); i++) {
      layers.add(
          new TrainedTowerLayer(
              device, config, activation, weights, store, prefix + "encoder.layers." + i + "."));
    }
    first = kernels.indices(0);
  }

  /** What a forward pass saves; {@code layers} holds null where only the input is kept. */
  static final class Saved implements AutoCloseable {
    final Tensor patches;
    final Tensor embedded;
    final List<Tensor> inputs = new ArrayList<>();
    final List<TrainedTowerLayer.Saved> runs = new ArrayList<>();
    private final Resources owned = new Resources();

    Saved(Tensor patches, Tensor embedded) {
      this.patches = owned.add(patches);
      this.embedded = owned.add(embedded);
    }

    @Override
    public void close() {
      owned.close();
    }
  }

  /** A tensor for a crop's patches: patches × channels · patch size². */
  Tensor allocatePatches() {
    int patch = config.patchSize();
    return kernels.allocate(config.patches(), config.channels() * patch * patch);
  }

  /**
   * Encodes one crop.
   *
   * @param patches as the inference tower cuts them, which the result closes
   * @param features out: tokens × columns, as the inference tower writes them
   */
  Saved forward(Tensor patches, Tensor features) {
    int rows = config.patches() + 1;
    Tensor embedded = kernels.allocate(rows, config.hiddenSize());
    Saved saved = new Saved(patches, embedded);
    try {
      kernels.embed(classEmbedding.weight(), first, embedded.rows(0, 1));
      patchEmbedding.forward(patches, embedded.rows(1, config.patches()));
      kernels.add(embedded, positionEmbedding.weight());
      Tensor x = saved.owned.add(preNorm.forward(embedded));
      read(0, x, features);
      for (int i = 0; i < layers.size(); i++) {
        saved.inputs.add(x);
        TrainedTowerLayer.Saved run = layers.get(i).run(x);
        x = saved.owned.add(layers.get(i).output(run));
        if (checkpointing) {
          run.close();
        } else {
          saved.runs.add(saved.owned.add(run));
        }
        read(i + 1, x, features);
      }
      return saved;
    } catch (RuntimeException | Error e) {
      saved.owned.closeAfter(e);
      throw e;
    }
  }

  private int skipped() {
    return config.keepsClassToken() ? 0 : 1;
  }

  /** Copies a hidden state to where features have it, if they do. */
  private void read(int state, Tensor x, Tensor features) {
    forEachReading(
        state,
        column -> kernels.copyColumns(x.rows(skipped(), x.rows() - skipped()), features, column));
  }

  /** Tells the first column of each of the features' hidden states that is this one. */
  private void forEachReading(int state, IntConsumer column) {
    List<Integer> states = config.featureStates();
    for (int i = 0; i < states.size(); i++) {
      if (states.get(i) == state) {
        column.accept(i * config.hiddenSize());
      }
    }
  }

  /** Adds the gradients of the tower's parameters. */
  void backward(Saved saved, Tensor dFeatures) {
    try (Tensor dx = device.zeros(config.patches() + 1, config.hiddenSize())) {
      addRead(layers.size(), dFeatures, dx);
      for (int i = layers.size() - 1; i >= 0; i--) {
        TrainedTowerLayer layer = layers.get(i);
        try (TrainedTowerLayer.Saved run =
            checkpointing ? layer.run(saved.inputs.get(i)) : saved.runs.get(i)) {
          layer.backward(run, dx);
        }
        addRead(i, dFeatures, dx);
      }
      embeddingBackward(saved, dx);
    }
  }

  /** Adds what features read of a hidden state. */
  private void addRead(int state, Tensor dFeatures, Tensor dx) {
    Tensor kept = dx.rows(skipped(), dx.rows() - skipped());
    forEachReading(state, column -> device.gradients().addFromColumns(dFeatures, column, kept));
  }

  private void embeddingBackward(Saved saved, Tensor dx) {
    try (Tensor dEmbedded = device.zeros(dx.rows(), dx.columns())) {
      preNorm.backward(saved.embedded, dx, dEmbedded);
      Tensor dPosition = positionEmbedding.gradient();
      if (dPosition != null) {
        device.gradients().addGradient(dEmbedded, dPosition);
      }
      Tensor dClass = classEmbedding.gradient();
      if (dClass != null) {
        device.gradients().addGradient(dEmbedded.rows(0, 1), dClass);
      }
      patchEmbedding.backward(saved.patches, dEmbedded.rows(1, dx.rows() - 1), false, null);
    }
  }

  @Override
  public void close() {
    first.close();
  }
}
