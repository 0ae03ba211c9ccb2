package org.pyramiddrop.transformer.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.kernels.Activation;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.kernels.Indices;
import org.pyramiddrop.kernels.Kernels;
import org.pyramiddrop.kernels.Tensor;
import org.pyramiddrop.kernels.Weight;
import org.pyramiddrop.loader.VisionTowerDescription;

/**
 * CLIP's vision transformer (Radford et al. 2021), as far as the layer whose hidden states LLaVA
 * reads.
 *
 * <p>The patch embedding is a convolution whose stride is its size, hence a matrix product over
 * patches. Several crops go through together, their rows one behind the other.
 */
public final class VisionTower implements AutoCloseable {
  /** Numbers that a row of patches is a multiple of, so that tensor cores can take it. */
  private static final int PATCH_COLUMNS = 8;

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

  private final Weight patchEmbedding;
  private final Weight preNorm;
  private final Weight preNormBias;
  private final List<Layer> layers = new ArrayList<>();

  /** The numbers 0 to the last row's. */
  private final Indices rows;

  /** What the embedded patches are added to: positions, and the class token in the first row. */
  private final Tensor start;

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
    Weight classEmbedding = store.reshaped(p + "embeddings.class_embedding", 1, hidden, hidden);
    patchEmbedding =
        store.padded(
            p + "embeddings.patch_embedding.weight",
            hidden,
            config.channels() * patch * patch,
            PATCH_COLUMNS,
            hidden,
            config.channels(),
            patch,
            patch);
    Weight positionEmbedding =
        store.matrix(
            new WeightStore.Matrix(
                p + "embeddings.position_embedding.weight", config.patches() + 1, hidden));
    preNorm = store.vector(p + "pre_layrnorm.weight", hidden);
    preNormBias = store.vector(p + "pre_layrnorm.bias", hidden);
    rows = kernels.indices(IntStream.rangeClosed(0, config.patches()).toArray());
    start = kernels.allocate(rows.size(), hidden);
    kernels.embed(positionEmbedding, rows, start);
    kernels.add(start.rows(0, 1), classEmbedding);
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

  /** A tensor for the pixels of some crops: crops × channels · size², float32. */
  public Tensor allocatePixels(int crops) {
    int side = config.imageSize();
    return kernels.allocate(DType.FLOAT32, crops, config.channels() * side * side);
  }

  /**
   * The squares of one crop that a convolution's weights meet.
   *
   * @param pixels of that crop, as {@link #allocatePixels} gives room for them
   * @param out patches × channels · patch size²
   */
  public void patches(Tensor pixels, Tensor out) {
    kernels.patches(pixels, config.channels(), config.patchSize(), 0, out);
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
   * Encodes crops.
   *
   * @param pixels a row a crop
   * @param behindLayer runs behind each layer, and may throw to give up
   * @param features out: of each crop {@link #tokens} × {@link #columns}
   */
  public void encode(Tensor pixels, Runnable behindLayer, Tensor features) {
    encode(pixels, behindLayer, features, null);
  }

  /**
   * Encodes crops.
   *
   * @param features out: of each crop the last of all {@link #rows}, as many as there is room for,
   *     × {@link #columns}
   * @param attention out: that of the last layer, if it is asked for, of a single crop
   */
  void encode(
      Tensor pixels, Runnable behindLayer, Tensor features, @Nullable LastAttention attention) {
    int crops = pixels.rows();
    int hidden = config.hiddenSize();
    List<Integer> read = config.featureStates();
    try (Tensor x = kernels.allocate(crops * rows.size(), hidden)) {
      embed(pixels, x);
      for (int state = 0; state <= layers.size(); state++) {
        if (state > 0) {
          run(layers.get(state - 1), x, crops, state == layers.size() ? attention : null);
        }
        for (int i = 0; i < read.size(); i++) {
          if (read.get(i) == state) {
            keep(x, crops, features, i * hidden);
          }
        }
        if (state > 0) {
          behindLayer.run();
        }
      }
    }
  }

  /** Copies the last rows of each crop into features. */
  private void keep(Tensor x, int crops, Tensor features, int firstColumn) {
    int kept = features.rows() / crops;
    for (int crop = 0; crop < crops; crop++) {
      Tensor from = x.rows((crop + 1) * rows.size() - kept, kept);
      kernels.copyColumns(from, features.rows(crop * kept, kept), firstColumn);
    }
  }

  /** The class token's row stands for a patch of zeros, so that crops lie one behind the other. */
  private void embed(Tensor pixels, Tensor x) {
    try (Tensor patches = kernels.allocate(x.rows(), patchEmbedding.columns());
        Tensor raw = kernels.allocate(x.rows(), x.columns())) {
      kernels.patches(pixels, config.channels(), config.patchSize(), 1, patches);
      for (int first = 0; first < raw.rows(); first += rows.size()) {
        kernels.copy(start, raw.rows(first, rows.size()));
      }
      kernels.linear(patches, patchEmbedding, null, Activation.ADD, raw);
      kernels.layerNorm(raw, preNorm, preNormBias, config.normEpsilon(), x);
    }
  }

  private void run(Layer layer, Tensor x, int crops, @Nullable LastAttention attention) {
    int hidden = x.columns();
    float eps = config.normEpsilon();
    try (Tensor normed = kernels.allocate(x.rows(), hidden);
        Tensor qkv = kernels.allocate(x.rows(), 3 * hidden);
        Tensor inner = kernels.allocate(x.rows(), config.intermediateSize())) {
      kernels.layerNorm(x, layer.norm1, layer.norm1Bias, eps, normed);
      kernels.linear(normed, layer.qkv, layer.qkvBias, Activation.NONE, qkv);
      if (attention != null) {
        tell(qkv, attention);
      }
      kernels.selfAttention(qkv, heads, crops, normed);
      kernels.linear(normed, layer.out, layer.outBias, Activation.ADD, x);
      kernels.layerNorm(x, layer.norm2, layer.norm2Bias, eps, normed);
      kernels.linear(normed, layer.up, layer.upBias, activation, inner);
      kernels.linear(inner, layer.down, layer.downBias, Activation.ADD, x);
    }
  }

  private void tell(Tensor qkv, LastAttention attention) {
    int hidden = heads.keyValueColumns();
    try (Tensor keys = kernels.allocate(qkv.rows(), hidden);
        Tensor values = kernels.allocate(qkv.rows(), hidden)) {
      kernels.storeKeyValues(qkv, heads.queryColumns(), null, null, rows, keys, values);
      kernels.scoreTokens(qkv.rows(0, 1), heads, keys, attention.scores());
      kernels.averageHeads(keys, heads, attention.keys());
    }
  }

  @Override
  public void close() {
    start.close();
    rows.close();
  }
}
