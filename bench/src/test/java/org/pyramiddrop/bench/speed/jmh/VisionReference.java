package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.apache.commons.math3.special.Erf;
import org.pyramiddrop.kernels.Heads;
import org.pyramiddrop.loader.Checkpoint;
import org.pyramiddrop.loader.VisionConfig;

/** CLIP's patch embedding and first layer, and LLaVA's projector, in double. */
final class VisionReference {
  private static final double EPSILON = 1e-5;
  private static final String TOWER = "vision_tower.vision_model.";

  private VisionReference() {}

  /** The first layer's output without the class token, patches × hidden. */
  static double[] features(Path folder, VisionConfig config, float[] pixels) {
    int hidden = config.hiddenSize();
    int patch = config.patchSize();
    int grid = config.imageSize() / patch;
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      double[] kernel = Reference.weights(checkpoint, TOWER + "embeddings.patch_embedding.weight");
      double[] x = new double[(grid * grid + 1) * hidden];
      double[] classToken = Reference.weights(checkpoint, TOWER + "embeddings.class_embedding");
      System.arraycopy(classToken, 0, x, 0, hidden);
      for (int i = 0; i < grid * grid * hidden; i++) {
        int place = i / hidden;
        for (int at = 0; at < 3 * patch * patch; at++) {
          int channel = at / (patch * patch);
          int row = place / grid * patch + at / patch % patch;
          int column = place % grid * patch + at % patch;
          x[hidden + i] +=
              pixels[(channel * config.imageSize() + row) * config.imageSize() + column]
                  * kernel[i % hidden * 3 * patch * patch + at];
        }
      }
      Reference.add(
          x, Reference.weights(checkpoint, TOWER + "embeddings.position_embedding.weight"));
      x = norm(checkpoint, "pre_layrnorm", x);
      x = layer(checkpoint, config, x);
      return Arrays.copyOfRange(x, hidden, x.length);
    }
  }

  private static double[] layer(Checkpoint checkpoint, VisionConfig config, double[] x) {
    String layer = "encoder.layers.0.";
    int hidden = config.hiddenSize();
    Heads heads = new Heads(config.heads(), config.heads(), hidden / config.heads());
    double[] normed = norm(checkpoint, layer + "layer_norm1", x);
    double[] q = linear(checkpoint, TOWER + layer + "self_attn.q_proj", normed, hidden);
    double[] k = linear(checkpoint, TOWER + layer + "self_attn.k_proj", normed, hidden);
    double[] v = linear(checkpoint, TOWER + layer + "self_attn.v_proj", normed, hidden);
    int tokens = x.length / hidden;
    int[] seen = IntStream.generate(() -> tokens).limit(tokens).toArray();
    double[] attended = Reference.attend(q, k, v, seen, heads);
    double[] out = x.clone();
    Reference.add(out, linear(checkpoint, TOWER + layer + "self_attn.out_proj", attended, hidden));
    normed = norm(checkpoint, layer + "layer_norm2", out);
    double[] inner = linear(checkpoint, TOWER + layer + "mlp.fc1", normed, hidden);
    for (int i = 0; i < inner.length; i++) {
      inner[i] = inner[i] / (1 + Math.exp(-1.702 * inner[i]));
    }
    Reference.add(
        out, linear(checkpoint, TOWER + layer + "mlp.fc2", inner, config.intermediateSize()));
    return out;
  }

  /** Embeddings of features, with the exact GELU between both layers. */
  static double[] projected(Path folder, float[] features, int columns) {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      double[] inner =
          linear(
              checkpoint, "multi_modal_projector.linear_1", Reference.doubles(features), columns);
      for (int i = 0; i < inner.length; i++) {
        inner[i] = inner[i] / 2 * (1 + Erf.erf(inner[i] / Math.sqrt(2)));
      }
      int hidden = inner.length / (features.length / columns);
      return linear(checkpoint, "multi_modal_projector.linear_2", inner, hidden);
    }
  }

  private static double[] norm(Checkpoint checkpoint, String name, double[] x) {
    return Reference.layerNorm(
        x,
        Reference.weights(checkpoint, TOWER + name + ".weight"),
        Reference.weights(checkpoint, TOWER + name + ".bias"),
        EPSILON);
  }

  private static double[] linear(Checkpoint checkpoint, String name, double[] x, int inputs) {
    double[] out = Reference.multiply(x, Reference.weights(checkpoint, name + ".weight"), inputs);
    Reference.add(out, Reference.weights(checkpoint, name + ".bias"));
    return out;
  }
}
