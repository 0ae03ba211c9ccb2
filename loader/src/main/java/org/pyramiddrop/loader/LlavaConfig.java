package org.pyramiddrop.loader;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * What {@code config.json} says of a LLaVA model.
 *
 * @param modelType {@code llava} or {@code llava_next}; in the original layout {@code llava},
 *     {@code llava_llama} or {@code llava_mistral}
 * @param vision the vision tower
 * @param text the decoder
 * @param imageTokenId the token that stands for an image in the prompt; in the original layout,
 *     which has no such token, a negative number that only holds the place
 * @param visionFeatureLayers hidden states of the tower that the projector reads, as written: 0 is
 *     the tower's embeddings, -1 its last layer's output, and so on
 * @param keepsClassToken whether the class token goes to the projector too (select strategy {@code
 *     full})
 * @param projectorActivation {@code gelu}, between the projector's two layers
 * @param projectorBias whether those layers have biases
 * @param tieWordEmbeddings whether the output matrix is the embedding matrix
 * @param pinpoints resolutions that a model cuts images into tiles at; empty for one that takes
 *     each image as one square
 * @param original what the layout of the original LLaVA repository adds; null for a checkpoint in
 *     the Hugging Face layout
 * @param quantization how the decoder's matrices are quantised; empty if they aren't
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
    boolean tieWordEmbeddings,
    List<Resolution> pinpoints,
    @Nullable OriginalLayout original,
    Optional<StoredQuantization> quantization) {
  private static final String FILE = "config.json";
  private static final String FEATURE_LAYER = "vision_feature_layer";
  private static final List<Resolution> NEXT_PINPOINTS =
      List.of(
          new Resolution(336, 672),
          new Resolution(672, 336),
          new Resolution(672, 672),
          new Resolution(1008, 336),
          new Resolution(336, 1008));

  /** Keeps copies of the lists. */
  public LlavaConfig {
    visionFeatureLayers = List.copyOf(visionFeatureLayers);
    pinpoints = List.copyOf(pinpoints);
  }

  /** A checkpoint in the Hugging Face layout. */
  public LlavaConfig(
      String modelType,
      VisionConfig vision,
      TextConfig text,
      int imageTokenId,
      List<Integer> visionFeatureLayers,
      boolean keepsClassToken,
      String projectorActivation,
      boolean projectorBias,
      boolean tieWordEmbeddings,
      List<Resolution> pinpoints) {
    this(
        modelType,
        vision,
        text,
        imageTokenId,
        visionFeatureLayers,
        keepsClassToken,
        projectorActivation,
        projectorBias,
        tieWordEmbeddings,
        pinpoints,
        null,
        Optional.empty());
  }

  /** Whether it takes images of any resolution, as tiles beside the whole. */
  public boolean anyResolution() {
    return !pinpoints.isEmpty();
  }

  /**
   * Reads a model folder's {@code config.json}; absent fields take the values that the transformers
   * library gives them.
   *
   * @throws CheckpointException if the file is missing, broken, or asks for something that isn't
   *     supported
   * @throws IllegalArgumentException if the model needs the folder of its vision tower
   */
  public static LlavaConfig read(Path folder) {
    return read(folder, null);
  }

  /**
   * Reads a model folder's {@code config.json}.
   *
   * @param visionTower the folder of a CLIP model, for a checkpoint in the layout of the original
   *     LLaVA repository, whose own {@code config.json} only names its vision tower; or null
   * @throws CheckpointException as {@link #read(Path)}
   * @throws IllegalArgumentException if the model needs that folder and there is none, or the other
   *     way round
   */
  public static LlavaConfig read(Path folder, @Nullable Path visionTower) {
    if (!Files.isDirectory(folder)) {
      throw new CheckpointException(
          folder, Files.exists(folder) ? "not a folder" : "no such folder");
    }
    HubCache.hint(folder)
        .ifPresent(hint -> {
          throw new CheckpointException(folder, hint);
        });
    ConfigFields config = ConfigFields.read(folder.resolve(FILE));
    Optional<StoredQuantization> quantization = quantization(config);
    if (!config.has("model_type")) {
      throw config.wrong("model_type", "must say which model this is");
    }
    if (config.has(OriginalLayout.TOLD_BY)) {
      return OriginalLayout.config(folder, config, visionTower, quantization);
    }
    if (visionTower != null) {
      throw new IllegalArgumentException(
          folder
              + " has a vision tower of its own; only a checkpoint in the original LLaVA layout"
              + " takes one from another folder");
    }
    String modelType = config.oneOf("model_type", "", List.of("llava", "llava_next"));
    VisionConfig vision = VisionConfig.of(config);
    TextConfig text = TextConfig.of(config);
    String strategy =
        config.oneOf("vision_feature_select_strategy", "default", List.of("default", "full"));
    boolean next = modelType.equals("llava_next");
    if (next && strategy.equals("full")) {
      throw config.wrong(
          "vision_feature_select_strategy",
          "isn't supported beside tiles, which have no class token");
    }
    return new LlavaConfig(
        modelType,
        vision,
        text,
        imageTokenId(config),
        config.has(FEATURE_LAYER)
            ? visionFeatureLayers(config, FEATURE_LAYER, vision)
            : List.of(-2),
        strategy.equals("full"),
        config.oneOf("projector_hidden_act", "gelu", List.of("gelu")),
        config.flag("multimodal_projector_bias", true),
        config.flag("tie_word_embeddings", false) || text.tieWordEmbeddings(),
        next ? pinpoints(config, vision) : List.of(),
        null,
        quantization);
  }

  private static List<Resolution> pinpoints(ConfigFields config, VisionConfig vision) {
    String key = "image_grid_pinpoints";
    if (!config.has(key)) {
      return NEXT_PINPOINTS;
    }
    return checkedPinpoints(config, key, config.resolutions(key), vision);
  }

  static List<Resolution> checkedPinpoints(
      ConfigFields config, String key, List<Resolution> pinpoints, VisionConfig vision) {
    int side = vision.imageSize();
    if (pinpoints.isEmpty()
        || pinpoints.stream().anyMatch(p -> p.height() % side != 0 || p.width() % side != 0)) {
      throw config.wrong(key, "must hold pairs of multiples of image_size = " + side);
    }
    if (pinpoints.stream()
        .anyMatch(p -> (long) p.height() * p.width() > ImageLimits.REFERENCE_PIXELS)) {
      throw config.wrong(
          key,
          "must not exceed the " + ImageLimits.REFERENCE_PIXELS + " pixels that an image may have");
    }
    return pinpoints;
  }

  /** Linear layers of the decoder may be quantised, as the outermost object says; no others. */
  private static Optional<StoredQuantization> quantization(ConfigFields config) {
    for (String part : List.of("text_config", "vision_config")) {
      if (config.isObject(part)) {
        StoredQuantization.refuse(config.object(part));
      }
    }
    return StoredQuantization.of(config);
  }

  /**
   * Checks that a model folder's configuration and tokenizer agree on the token that stands for an
   * image; else images land on a word. The original layout has no such token.
   *
   * @param folder where {@code config.json} is
   * @param token what the tokenizer knows the image's token as, such as {@code <image>}
   * @param tokenizerId that token's id by the tokenizer; empty if it knows none
   * @throws CheckpointException if they don't, with both ids
   */
  public void checkImageToken(Path folder, String token, OptionalInt tokenizerId) {
    if (original != null || (tokenizerId.isPresent() && tokenizerId.getAsInt() == imageTokenId)) {
      return;
    }
    ConfigFields config = ConfigFields.read(folder.resolve(FILE));
    String known =
        tokenizerId.isPresent()
            ? "for tokenizer.json '%s' is %d".formatted(token, tokenizerId.getAsInt())
            : "tokenizer.json has no token '%s'".formatted(token);
    throw config.wrong(
        imageTokenKey(config),
        "makes %d the image's token, but %s; config.json and tokenizer.json must be of the same model"
            .formatted(imageTokenId, known));
  }

  private static String imageTokenKey(ConfigFields config) {
    return config.has("image_token_index") ? "image_token_index" : "image_token_id";
  }

  private static int imageTokenId(ConfigFields config) {
    String key = imageTokenKey(config);
    int id = config.integer(key, 32000);
    if (id < 0) {
      throw config.wrong(key, "must be a token id");
    }
    return id;
  }

  static List<Integer> visionFeatureLayers(ConfigFields config, String key, VisionConfig vision) {
    List<Integer> layers = config.integers(key);
    int states = vision.layers() + 1;
    if (layers.isEmpty() || layers.stream().anyMatch(layer -> layer < -states || layer >= states)) {
      throw config.wrong(key, "must pick from the vision tower's " + states + " hidden states");
    }
    if ((long) layers.size() * vision.hiddenSize() > TextConfig.MOST_WIDTH) {
      throw config.wrong(
          key, "takes more values a patch than the " + TextConfig.MOST_WIDTH + " supported");
    }
    return layers;
  }
}
