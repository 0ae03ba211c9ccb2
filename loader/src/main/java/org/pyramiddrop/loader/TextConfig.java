package org.pyramiddrop.loader;

import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * The shape of a decoder of the LLaMA family.
 *
 * @param modelType {@code llama} or {@code mistral}
 * @param hiddenSize width of its layers
 * @param intermediateSize width inside its feed-forward blocks
 * @param layers how many layers it has
 * @param heads query heads
 * @param keyValueHeads key and value heads; they divide {@code heads}
 * @param headSize width of one head, even
 * @param vocabSize rows of the embedding and output matrices
 * @param maxPositions the longest sequence it was made for, in tokens
 * @param rmsNormEps what its norms add to the mean square
 * @param ropeTheta base of the rotary embedding's wavelengths
 * @param activation {@code silu}
 * @param attentionBias whether the attention projections have biases
 * @param mlpBias whether the feed-forward projections have biases
 * @param tieWordEmbeddings whether the output matrix is the embedding matrix
 * @param endTokenIds tokens that end a sequence, unless {@code generation_config.json} says
 *     otherwise
 */
public record TextConfig(
    String modelType,
    int hiddenSize,
    int intermediateSize,
    int layers,
    int heads,
    int keyValueHeads,
    int headSize,
    int vocabSize,
    int maxPositions,
    float rmsNormEps,
    double ropeTheta,
    String activation,
    boolean attentionBias,
    boolean mlpBias,
    boolean tieWordEmbeddings,
    Set<Integer> endTokenIds) {

  /** Sizes above these overflow what is computed of them; no model comes near. */
  static final int MOST_WIDTH = 1 << 20;

  static final int MOST_LAYERS = 1 << 16;
  private static final int MOST_WORDS = 1 << 24;

  /** Float32 tells positions apart up to here. */
  private static final int MOST_POSITIONS = 1 << 24;

  /** Keeps a copy of the end tokens, in their order. */
  public TextConfig {
    endTokenIds = Collections.unmodifiableSet(new LinkedHashSet<>(endTokenIds));
  }

  // Absent fields mean the family's defaults: those of the original LLaMA 7B and Mistral 7B.
  static TextConfig of(ConfigFields config) {
    ConfigFields text = config.object("text_config");
    return of(text, text.oneOf("model_type", "llama", List.of("llama", "mistral")), config);
  }

  /**
   * Reads a decoder's fields.
   *
   * @param config where the end tokens are if {@code text} doesn't have them
   */
  static TextConfig of(ConfigFields text, String modelType, ConfigFields config) {
    boolean mistral = modelType.equals("mistral");
    int hiddenSize = text.positive("hidden_size", 4096, MOST_WIDTH);
    int heads = text.positive("num_attention_heads", 32, MOST_WIDTH);
    int keyValueHeads =
        text.positive(
            "num_key_value_heads", mistral && !text.isNull("num_key_value_heads") ? 8 : heads);
    if (heads % keyValueHeads != 0) {
      throw text.wrong("num_key_value_heads", "must divide num_attention_heads = " + heads);
    }
    if (!text.has("head_dim") && hiddenSize % heads != 0) {
      throw text.wrong("num_attention_heads", "must divide hidden_size = " + hiddenSize);
    }
    int headSize = text.positive("head_dim", Math.max(1, hiddenSize / heads), MOST_WIDTH);
    if ((long) heads * headSize > MOST_WIDTH) {
      throw text.wrong(
          "head_dim",
          "times num_attention_heads = %d is more than the %d that are supported"
              .formatted(heads, MOST_WIDTH));
    }
    if (headSize % 2 != 0) {
      throw text.wrong("head_dim", "must be even, for rotary embeddings; it is " + headSize);
    }
    int maxPositions =
        text.positive("max_position_embeddings", mistral ? 131072 : 2048, MOST_POSITIONS);
    if (mistral) {
      checkSlidingWindow(text, maxPositions);
    }
    return new TextConfig(
        modelType,
        hiddenSize,
        text.positive("intermediate_size", mistral ? 14336 : 11008, MOST_WIDTH),
        text.positive("num_hidden_layers", 32, MOST_LAYERS),
        heads,
        keyValueHeads,
        headSize,
        text.positive("vocab_size", 32000, MOST_WORDS),
        maxPositions,
        text.epsilon("rms_norm_eps", 1e-6),
        ropeTheta(text),
        text.oneOf("hidden_act", "silu", List.of("silu")),
        !mistral && text.flag("attention_bias", false),
        !mistral && text.flag("mlp_bias", false),
        text.flag("tie_word_embeddings", false),
        endTokenIds(text, config));
  }

  private static void checkSlidingWindow(ConfigFields text, int maxPositions) {
    if (text.isNull("sliding_window")) {
      return;
    }
    int window = text.positive("sliding_window", 4096);
    if (window < maxPositions) {
      throw text.wrong(
          "sliding_window",
          "means attention over the last "
              + window
              + " of max_position_embeddings = "
              + maxPositions
              + " tokens; sliding-window attention isn't supported");
    }
  }

  // The base moved from a field of its own into rope_parameters; the newer place wins.
  private static double ropeTheta(ConfigFields text) {
    double theta = base(text, 10000.0);
    for (String key : List.of("rope_scaling", "rope_parameters")) {
      if (!text.has(key)) {
        continue;
      }
      ConfigFields rope = text.object(key);
      String type = rope.text("rope_type").or(() -> rope.text("type")).orElse("default");
      if (!type.equals("default") && !scalesByOne(type, rope)) {
        throw text.wrong(
            key, "asks for '" + OneLine.shorten(type) + "' rotary scaling, which isn't supported");
      }
      if (rope.positive("partial_rotary_factor", 1.0) != 1.0) {
        throw rope.wrong("partial_rotary_factor", "isn't supported; whole heads are rotated");
      }
      theta = base(rope, theta);
    }
    if (text.positive("partial_rotary_factor", 1.0) != 1.0) {
      throw text.wrong("partial_rotary_factor", "isn't supported; whole heads are rotated");
    }
    return theta;
  }

  // Each of these divides wavelengths, or those above some length, by the factor and does nothing
  // else with it.
  private static boolean scalesByOne(String type, ConfigFields rope) {
    return List.of("linear", "dynamic", "llama3").contains(type)
        && rope.has("factor")
        && rope.positive("factor", 0.0) == 1.0;
  }

  private static double base(ConfigFields fields, double absent) {
    double theta = fields.positive("rope_theta", absent);
    if (theta < 1 || theta > Float.MAX_VALUE) {
      throw fields.wrong("rope_theta", "must be from 1 to " + Float.MAX_VALUE);
    }
    return theta;
  }

  private static Set<Integer> endTokenIds(ConfigFields text, ConfigFields config) {
    ConfigFields source = text.has("eos_token_id") || !config.has("eos_token_id") ? text : config;
    return source.has("eos_token_id") ? StopTokens.ids(source) : new LinkedHashSet<>(List.of(2));
  }
}
