package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Mask;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.loader.VisionTowerDescription;

/**
 * CLIP's vision transformer (Radford et al. 2021), as far as the layer whose hidden states LLaVA
 * reads.
 *
 * <p>The patch embedding is a convolution whose stride is its size, hence a matrix product over
 * patches.
 */
public final class VisionTower implements AutoCloseable {
  private record Layer(
      Weight norm1,
      Weight norm1Bias,
      Weight qkv,
      Weight qkvBias,
      Weight out,
      Weight outBias,
      Weight norm2,
      Weight norm2Bias,
      Weight up,
      Weight upBias,
      Weight down,
      Weight downBias) {}

  private final Kernels kernels;
  private final VisionTowerDescription config;
  private final Heads heads;
  private final Activation activation;

  private final Weight classEmbedding;
  private final Weight patchEmbedding;
  private final Weight positionEmbedding;
  private final Weight preNorm;
  private final Weight preNormBias;
  private final List<Layer> layers = new ArrayList<>();

  /** The numbers 0 to the last row's. */
  private final Indices rows;

  /** Loads the layers that features come from. */
  public VisionTower(Kernels kernels, VisionTowerDescription config, WeightStore store) {
    this.kernels = kernels;
    this.config = config;
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    heads = new Heads(config.heads(), config.heads(), hidden / config.heads());
    activation =
        switch (config.activation()) {
          case EXACT -> Activation.GELU;
          case QUICK -> Activation.QUICK_GELU;
        };
    String p = config.prefix();
    int patch = config.patchSize();
    classEmbedding = store.reshaped(p + "embeddings.class_embedding", 1, hidden, hidden);
    patchEmbedding =
        store.reshaped(
            p + "embeddings.patch_embedding.weight",
            hidden,
            config.channels() * patch * patch,
            hidden,
            config.channels(),
            patch,
            patch);
    positionEmbedding =
        store.matrix(
            new WeightStore.Matrix(
                p + "embeddings.position_embedding.weight", config.patches() + 1, hidden));
    preNorm = store.vector(p + "pre_layrnorm.weight", hidden);
    preNormBias = store.vector(p + "pre_layrnorm.bias", hidden);
    rows = kernels.indices(IntStream.rangeClosed(0, config.patches()).toArray());
    for (int i = 0; i < config.layers(); i++) {
      String l = p + "encoder.layers." + i + ".";
      List<String> qkv = List.of("q_proj", "k_proj", "v_proj");
      layers.add(
          new Layer(
              store.vector(l + "layer_norm1.weight", hidden),
              store.vector(l + "layer_norm1.bias", hidden),
              store.matrix(
                  qkv.stream()
                      .map(n ->
                          new WeightStore.Matrix(l + "self_attn." + n + ".weight", hidden, hidden))
                      .toArray(WeightStore.Matrix[]::new)),
              store.vectors(
                  qkv.stream().map(n -> l + "self_attn." + n + ".bias").toList(),
                  hidden,
                  hidden,
                  hidden),
              store.matrix(new WeightStore.Matrix(l + "self_attn.out_proj.weight", hidden, hidden)),
              store.vector(l + "self_attn.out_proj.bias", hidden),
              store.vector(l + "layer_norm2.weight", hidden),
              store.vector(l + "layer_norm2.bias", hidden),
              store.matrix(new WeightStore.Matrix(l + "mlp.fc1.weight", inner, hidden)),
              store.vector(l + "mlp.fc1.bias", inner),
              store.matrix(new WeightStore.Matrix(l + "mlp.fc2.weight", hidden, inner)),
              store.vector(l + "mlp.fc2.bias", hidden)));
    }
  }

  /** Tokens an image becomes. */
  public int tokens() {
    return config.patches() + (config.keepsClassToken() ? 1 : 0);
  }

  /** Layers that an image goes through. */
  public int layers() {
    return layers.size();
  }

  /** Columns of the features: hidden states of several layers lie side by side. */
  public int columns() {
    return config.featureStates().size() * config.hiddenSize();
  }

  /** A tensor for an image's patches: patches × channels · size². */
  public Tensor allocatePatches() {
    return kernels.allocate(config.patches(), patchEmbedding.columns());
  }

  /**
   * What the attention of the last layer that runs says of an image.
   *
   * @param scores out: how much the class token attends to each row, 1 × {@link #rows}, float32
   * @param keys out: each row's keys, averaged over heads, rows × {@link #headSize}, float32
   */
  record LastAttention(Tensor scores, Tensor keys) {}

  /** All rows: the class token's, then the patches'. */
  int rows() {
    return rows.size();
  }

  /** Channels of an attention head. */
  int headSize() {
    return heads.size();
  }

  /**
   * Encodes one image.
   *
   * @param patches as {@link #patches(Pixels)} gives them
   * @param behindLayer runs behind each layer, and may throw to give up
   * @param features out: {@link #tokens} × {@link #columns}
   */
  public void encode(Tensor patches, Runnable behindLayer, Tensor features) {
    encode(patches, behindLayer, features, null);
  }

  /**
   * Encodes one image.
   *
   * @param features out: the last of all {@link #rows}, as many as it has, × {@link #columns}
   * @param attention out: that of the last layer, if it is asked for
   */
  void encode(
      Tensor patches, Runnable behindLayer, Tensor features, @Nullable LastAttention attention) {
    int hidden = config.hiddenSize();
    List<Integer> read = config.featureStates();
    try (Tensor x = kernels.allocate(rows.size(), hidden);
        Tensor keys = kernels.allocate(rows.size(), hidden);
        Tensor values = kernels.allocate(rows.size(), hidden)) {
      embed(patches, x);
      for (int state = 0; state <= layers.size(); state++) {
        if (state > 0) {
          run(layers.get(state - 1), x, keys, values, state == layers.size() ? attention : null);
        }
        for (int i = 0; i < read.size(); i++) {
          if (read.get(i) == state) {
            Tensor kept = x.rows(rows.size() - features.rows(), features.rows());
            kernels.copyColumns(kept, features, i * hidden);
          }
        }
        if (state > 0) {
          behindLayer.run();
        }
      }
    }
  }

  private void embed(Tensor patches, Tensor x) {
    kernels.embed(classEmbedding, rows.part(0, 1), x.rows(0, 1));
    kernels.linear(patches, patchEmbedding, null, Activation.NONE, x.rows(1, config.patches()));
    kernels.add(x, positionEmbedding);
    try (Tensor raw = kernels.allocate(x.rows(), x.columns())) {
      kernels.copy(x, raw);
      kernels.layerNorm(raw, preNorm, preNormBias, config.normEpsilon(), x);
    }
  }

  /** Patches row by row, each channel by channel as the convolution's weights are. */
  public float[] patches(Pixels pixels) {
    int patch = config.patchSize();
    int side = config.imageSize() / patch;
    float[] out = new float[config.patches() * patchEmbedding.columns()];
    int to = 0;
    for (int p = 0; p < side * side; p++) {
      for (int c = 0; c < pixels.channels(); c++) {
        for (int y = 0; y < patch; y++) {
          int row = c * pixels.height() + p / side * patch + y;
          System.arraycopy(
              pixels.values(), row * pixels.width() + p % side * patch, out, to, patch);
          to += patch;
        }
      }
    }
    return out;
  }

  private void run(
      Layer layer, Tensor x, Tensor keys, Tensor values, @Nullable LastAttention attention) {
    int hidden = x.columns();
    float eps = config.normEpsilon();
    try (Tensor normed = kernels.allocate(x.rows(), hidden);
        Tensor qkv = kernels.allocate(x.rows(), 3 * hidden);
        Tensor inner = kernels.allocate(x.rows(), config.intermediateSize())) {
      kernels.layerNorm(x, layer.norm1, layer.norm1Bias, eps, normed);
      kernels.linear(normed, layer.qkv, layer.qkvBias, Activation.NONE, qkv);
      kernels.storeKeyValues(qkv, hidden, null, null, rows, keys, values);
      if (attention != null) {
        kernels.scoreTokens(qkv.rows(0, 1), heads, keys, attention.scores());
        kernels.averageHeads(keys, heads, attention.keys());
      }
      kernels.attention(qkv, heads, keys, values, new Mask.Full(), normed);
      kernels.linear(normed, layer.out, layer.outBias, Activation.ADD, x);
      kernels.layerNorm(x, layer.norm2, layer.norm2Bias, eps, normed);
      kernels.linear(normed, layer.up, layer.upBias, activation, inner);
      kernels.linear(inner, layer.down, layer.downBias, Activation.ADD, x);
    }
  }

  @Override
  public void close() {
    rows.close();
  }
}
