package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * What {@code config.json} says of a LLaVA model.
 *
 * @param modelType {@code llava} or {@code llava_next}
 * @param vision the vision tower
 * @param text the decoder
 * @param imageTokenId the token that stands for a picture in the prompt
 * @param visionFeatureLayers hidden states of the tower that the projector reads, as written: 0 is
 *     the tower's embeddings, -1 its last layer's output, and so on
 * @param keepsClassToken whether the class token goes to the projector too (select strategy {@code
 *     full})
 * @param projectorActivation {@code gelu}, between the projector's two layers
 * @param projectorBias whether those layers have biases
 * @param tieWordEmbeddings whether the output matrix is the embedding matrix
 */
public record LlavaConfig(
    String modelType,
    VisionConfig vision,
    TextConfig text,
    int imageTokenId,
    List<Integer> visionFeatureLayers,
    boolean keepsClassToken,
    String projectorActivation,
    boolean projectorBias,
    boolean tieWordEmbeddings) {

  /** Keeps a copy of the layers. */
  public LlavaConfig {
    visionFeatureLayers = List.copyOf(visionFeatureLayers);
  }

  /**
   * Reads a model folder's {@code config.json}; absent fields take the values that the transformers
   * library gives them.
   *
   * @throws CheckpointException if the file is missing, broken, or asks for something that isn't
   *     supported
   */
  public static LlavaConfig read(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          folder, Files.exists(folder) ? "not a folder" : "no such folder");
    }
    Fields config = Fields.read(folder.resolve("config.json"));
    if (!config.has("model_type")) {
      throw config.wrong("model_type", "must say which model this is");
    }
    String modelType = config.oneOf("model_type", "", List.of("llava", "llava_next"));
    VisionConfig vision = VisionConfig.of(config);
    TextConfig text = TextConfig.of(config);
    String strategy =
        config.oneOf("vision_feature_select_strategy", "default", List.of("default", "full"));
    return new LlavaConfig(
        modelType,
        vision,
        text,
        imageTokenId(config),
        visionFeatureLayers(config, vision),
        strategy.equals("full"),
        config.oneOf("projector_hidden_act", "gelu", List.of("gelu")),
        config.flag("multimodal_projector_bias", true),
        config.flag("tie_word_embeddings", false) || text.tieWordEmbeddings());
  }

  private static int imageTokenId(Fields config) {
    String key = config.has("image_token_index") ? "image_token_index" : "image_token_id";
    int id = config.integer(key, 32000);
    if (id < 0) {
      throw config.wrong(key, "must be a token id");
    }
    return id;
  }

  private static List<Integer> visionFeatureLayers(Fields config, VisionConfig vision) {
    String key = "vision_feature_layer";
    if (!config.has(key)) {
      return List.of(-2);
    }
    List<Integer> layers = config.integers(key);
    int states = vision.layers() + 1;
    if (layers.isEmpty() || layers.stream().anyMatch(layer -> layer < -states || layer >= states)) {
      throw config.wrong(key, "must pick from the vision tower's " + states + " hidden states");
    }
    return layers;
  }
}
