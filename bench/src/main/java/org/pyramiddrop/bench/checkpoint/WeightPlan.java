package org.pyramiddrop.bench.checkpoint;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.SafetensorsWriter.Entry;
import org.pyramiddrop.loader.StoredType;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;

/**
 * One tensor of a random checkpoint: uniform between {@code centre - spread} and {@code centre +
 * spread}.
 *
 * @param name its name, of the generation that LLaVA-1.5 was published in
 */
record WeightPlan(String name, List<Long> shape, float centre, float spread) {
  private static final float BIAS = 0.02f;

  /**
   * The standard deviation of attention's scores: at 1 the softmax over hundreds of keys is so flat
   * that values average out, and an output says nothing of the attention before it.
   */
  private static final double SCORES = 3;

  long elements() {
    return shape.stream().mapToLong(Long::longValue).reduce(1, Math::multiplyExact);
  }

  Entry entry(DType dtype) {
    // F32, F16 and BF16 are what the format calls them.
    String type = dtype.label().replace("loat", "").toUpperCase(Locale.ROOT);
    return new Entry(name, StoredType.valueOf(type), shape);
  }

  /** Draws its numbers, the same for a seed in whichever file it lies. */
  void draw(MemorySegment out, DType dtype, long seed) {
    RandomNumbers.fill(out, dtype, centre, spread, seed * 31 + name.hashCode());
  }

  /**
   * All tensors of a model. A matrix maps inputs of variance 1 to outputs of variance 1, except for
   * queries and keys, whose products are to be peaked; what is added to the residual stream shrinks
   * with depth, so that hidden states stay of order 1.
   */
  static List<WeightPlan> of(LlavaConfig config) {
    List<WeightPlan> all = new ArrayList<>();
    int hidden = config.text().hiddenSize();
    int features = config.vision().hiddenSize() * config.visionFeatureLayers().size();
    vision(new Part(all, "vision_tower.vision_model.", true), config.vision());
    Part projector = new Part(all, "multi_modal_projector.", true);
    projector.linear("linear_1", hidden, features, 1);
    projector.linear("linear_2", hidden, hidden, 1);
    if (config.anyResolution()) {
      new Part(all, "", false).tensor("image_newline", 1, hidden);
    }
    decoder(new Part(all, "language_model.", false), config.text());
    return List.copyOf(all);
  }

  private static void vision(Part tower, VisionConfig vision) {
    int hidden = vision.hiddenSize();
    int patch = vision.patchSize();
    double embedding = Math.sqrt(3.0 / (vision.channels() * patch * patch));
    Part embeddings = tower.part("embeddings.");
    embeddings.tensor("class_embedding", 1, hidden);
    embeddings.tensor("patch_embedding.weight", embedding, hidden, vision.channels(), patch, patch);
    embeddings.tensor("position_embedding.weight", 1, vision.patches() + 1, hidden);
    tower.norm("pre_layrnorm", hidden);
    double residual = 1 / Math.sqrt(2.0 * vision.layers());
    for (int i = 0; i < vision.layers(); i++) {
      Part layer = tower.part("encoder.layers." + i + ".");
      layer.norm("layer_norm1", hidden);
      layer.linear("self_attn.q_proj", hidden, hidden, Math.sqrt(SCORES));
      layer.linear("self_attn.k_proj", hidden, hidden, Math.sqrt(SCORES));
      layer.linear("self_attn.v_proj", hidden, hidden, 1);
      layer.linear("self_attn.out_proj", hidden, hidden, residual);
      layer.norm("layer_norm2", hidden);
      layer.linear("mlp.fc1", vision.intermediateSize(), hidden, 1);
      layer.linear("mlp.fc2", hidden, vision.intermediateSize(), residual);
    }
    tower.norm("post_layernorm", hidden);
  }

  private static void decoder(Part decoder, TextConfig text) {
    int hidden = text.hiddenSize();
    int queries = text.heads() * text.headSize();
    int keys = text.keyValueHeads() * text.headSize();
    decoder.tensor("model.embed_tokens.weight", Math.sqrt(3), text.vocabSize(), hidden);
    double residual = 1 / Math.sqrt(2.0 * text.layers());
    for (int i = 0; i < text.layers(); i++) {
      Part layer = decoder.part("model.layers." + i + ".");
      layer.norm("input_layernorm", hidden);
      layer.linear("self_attn.q_proj", queries, hidden, Math.sqrt(SCORES));
      layer.linear("self_attn.k_proj", keys, hidden, Math.sqrt(SCORES));
      layer.linear("self_attn.v_proj", keys, hidden, 1);
      layer.linear("self_attn.o_proj", hidden, queries, residual);
      layer.norm("post_attention_layernorm", hidden);
      layer.linear("mlp.gate_proj", text.intermediateSize(), hidden, 1);
      layer.linear("mlp.up_proj", text.intermediateSize(), hidden, 1);
      layer.linear("mlp.down_proj", hidden, text.intermediateSize(), residual);
    }
    decoder.norm("model.norm", hidden);
    decoder.linear("lm_head", text.vocabSize(), hidden, 1);
  }

  /** A part of the model: adds tensors under its name, with biases if it has them. */
  private record Part(List<WeightPlan> all, String prefix, boolean bias) {
    Part part(String name) {
      return new Part(all, prefix + name, bias);
    }

    void tensor(String name, double spread, long... shape) {
      List<Long> dimensions = LongStream.of(shape).boxed().toList();
      all.add(new WeightPlan(prefix + name, dimensions, 0, (float) spread));
    }

    /** The scale multiplies the outputs' standard deviation. */
    void linear(String name, int outputs, int inputs, double scale) {
      tensor(name + ".weight", scale * Math.sqrt(3.0 / inputs), outputs, inputs);
      bias(name, outputs);
    }

    void norm(String name, int size) {
      all.add(new WeightPlan(prefix + name + ".weight", List.of((long) size), 1, 0.1f));
      bias(name, size);
    }

    private void bias(String name, int size) {
      if (bias) {
        tensor(name + ".bias", BIAS, size);
      }
    }
  }
}
