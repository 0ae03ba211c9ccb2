package org.pyramiddrop.bench.checkpoint;

import java.util.ArrayList;
import java.util.List;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;

/**
 * One tensor of a random checkpoint: uniform between {@code centre - spread} and {@code centre +
 * spread}.
 *
 * @param name its name, of the generation that LLaVA-1.5 was published in
 */
record WeightPlan(String name, List<Integer> shape, float centre, float spread) {
  private static final float BIAS = 0.02f;

  /**
   * The standard deviation of attention's scores: at 1 the softmax over hundreds of keys is so flat
   * that values average out, and an output says nothing of the attention before it.
   */
  private static final double SCORES = 3;

  long elements() {
    return shape.stream().mapToLong(Integer::longValue).reduce(1, Math::multiplyExact);
  }

  /**
   * All tensors of a model. A matrix maps inputs of variance 1 to outputs of variance 1, except for
   * queries and keys, whose products are to be peaked; what is added to the residual stream shrinks
   * with depth, so that hidden states stay of order 1.
   */
  static List<WeightPlan> of(LlavaConfig config) {
    List<WeightPlan> all = new ArrayList<>();
    vision(all, config.vision());
    int features = config.vision().hiddenSize() * config.visionFeatureLayers().size();
    linear(all, "multi_modal_projector.linear_1", config.text().hiddenSize(), features, 1, true);
    linear(
        all,
        "multi_modal_projector.linear_2",
        config.text().hiddenSize(),
        config.text().hiddenSize(),
        1,
        true);
    if (config.anyResolution()) {
      all.add(new WeightPlan("image_newline", List.of(config.text().hiddenSize()), 0, 1));
    }
    decoder(all, config.text());
    return List.copyOf(all);
  }

  private static void vision(List<WeightPlan> all, VisionConfig vision) {
    String p = "vision_tower.vision_model.";
    int hidden = vision.hiddenSize();
    int patch = vision.patchSize();
    float embedding = (float) Math.sqrt(3.0 / (vision.channels() * patch * patch));
    all.add(new WeightPlan(p + "embeddings.class_embedding", List.of(hidden), 0, 1));
    all.add(
        new WeightPlan(
            p + "embeddings.patch_embedding.weight",
            List.of(hidden, vision.channels(), patch, patch),
            0,
            embedding));
    all.add(
        new WeightPlan(
            p + "embeddings.position_embedding.weight",
            List.of(vision.patches() + 1, hidden),
            0,
            1));
    norm(all, p + "pre_layrnorm", hidden, true);
    for (int i = 0; i < vision.layers(); i++) {
      String layer = p + "encoder.layers." + i + ".";
      norm(all, layer + "layer_norm1", hidden, true);
      linear(all, layer + "self_attn.q_proj", hidden, hidden, Math.sqrt(SCORES), true);
      linear(all, layer + "self_attn.k_proj", hidden, hidden, Math.sqrt(SCORES), true);
      linear(all, layer + "self_attn.v_proj", hidden, hidden, 1, true);
      double residual = 1 / Math.sqrt(2.0 * vision.layers());
      linear(all, layer + "self_attn.out_proj", hidden, hidden, residual, true);
      norm(all, layer + "layer_norm2", hidden, true);
      linear(all, layer + "mlp.fc1", vision.intermediateSize(), hidden, 1, true);
      linear(all, layer + "mlp.fc2", hidden, vision.intermediateSize(), residual, true);
    }
    norm(all, p + "post_layernorm", hidden, true);
  }

  private static void decoder(List<WeightPlan> all, TextConfig text) {
    String p = "language_model.model.";
    int hidden = text.hiddenSize();
    int queries = text.heads() * text.headSize();
    int keys = text.keyValueHeads() * text.headSize();
    float unit = (float) Math.sqrt(3);
    all.add(new WeightPlan(p + "embed_tokens.weight", List.of(text.vocabSize(), hidden), 0, unit));
    for (int i = 0; i < text.layers(); i++) {
      String layer = p + "layers." + i + ".";
      double residual = 1 / Math.sqrt(2.0 * text.layers());
      norm(all, layer + "input_layernorm", hidden, false);
      linear(all, layer + "self_attn.q_proj", queries, hidden, Math.sqrt(SCORES), false);
      linear(all, layer + "self_attn.k_proj", keys, hidden, Math.sqrt(SCORES), false);
      linear(all, layer + "self_attn.v_proj", keys, hidden, 1, false);
      linear(all, layer + "self_attn.o_proj", hidden, queries, residual, false);
      norm(all, layer + "post_attention_layernorm", hidden, false);
      linear(all, layer + "mlp.gate_proj", text.intermediateSize(), hidden, 1, false);
      linear(all, layer + "mlp.up_proj", text.intermediateSize(), hidden, 1, false);
      linear(all, layer + "mlp.down_proj", hidden, text.intermediateSize(), residual, false);
    }
    norm(all, p + "norm", hidden, false);
    linear(all, "language_model.lm_head", text.vocabSize(), hidden, 1, false);
  }

  private static void linear(
      List<WeightPlan> all, String name, int outputs, int inputs, double scale, boolean bias) {
    float spread = (float) (scale * Math.sqrt(3.0 / inputs));
    all.add(new WeightPlan(name + ".weight", List.of(outputs, inputs), 0, spread));
    if (bias) {
      all.add(new WeightPlan(name + ".bias", List.of(outputs), 0, BIAS));
    }
  }

  private static void norm(List<WeightPlan> all, String name, int size, boolean bias) {
    all.add(new WeightPlan(name + ".weight", List.of(size), 1, 0.1f));
    if (bias) {
      all.add(new WeightPlan(name + ".bias", List.of(size), 0, BIAS));
    }
  }
}
