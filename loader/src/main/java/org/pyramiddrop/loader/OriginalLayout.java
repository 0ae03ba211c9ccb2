package org.pyramiddrop.loader;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a checkpoint in the layout of the original LLaVA repository adds: it is written as a
 * language model's, its vision tower is inside or in a folder of its own, and its vocabulary has no
 * word for an image.
 *
 * @param visionTower what {@code mm_vision_tower} names
 * @param padsToSquare whether images are padded to squares before they are resized ({@code
 *     image_aspect_ratio} is {@code pad})
 */
public record OriginalLayout(String visionTower, boolean padsToSquare) {
  static final String TOLD_BY = "mm_vision_tower";
  private static final String INSIDE = "model.vision_tower.";

  /** In the original too; it is no token, and nothing may look it up. */
  private static final int NO_TOKEN = -200;

  /** Whether a checkpoint holds its vision tower itself. */
  public boolean isInside(Checkpoint checkpoint) {
    return checkpoint.names().stream().anyMatch(name -> name.startsWith(INSIDE));
  }

  /** Whether the name alone says how the vision tower is made and how it wants its images. */
  boolean isWellKnown() {
    return VisionConfig.named(visionTower).isPresent();
  }

  /** What is wrong when the vision tower's folder is needed and nobody said where it is. */
  public IllegalArgumentException missingTower(Path folder) {
    return missingTower(folder, visionTower);
  }

  private static IllegalArgumentException missingTower(Path folder, String name) {
    return new IllegalArgumentException(
        OneLine.of(
            "%s needs the vision tower that its mm_vision_tower names, '%s': give the folder with"
                    .formatted(folder, OneLine.shorten(name))
                + " that CLIP model (--vision-tower DIR, LoadOptions.withVisionTower)"));
  }

  static LlavaConfig config(
      Path folder,
      ConfigFields config,
      @Nullable Path towerFolder,
      Optional<StoredQuantization> quantization) {
    String modelType =
        config.oneOf("model_type", "", List.of("llava", "llava_llama", "llava_mistral"));
    String tower = config.text(TOLD_BY, "");
    config.oneOf("mm_projector_type", "linear", List.of("mlp2x_gelu"));
    refuse(config, "mm_use_im_start_end", "would put tokens around each image");
    refuse(config, "mm_use_im_patch_token", "would add a token to the vocabulary");
    refuse(config, "s2", "would look at each image at several scales");
    VisionConfig vision = vision(folder, tower, towerFolder);
    if (config.positive("mm_hidden_size", vision.hiddenSize()) != vision.hiddenSize()) {
      throw config.wrong(
          "mm_hidden_size", "isn't the vision tower's hidden_size = " + vision.hiddenSize());
    }
    TextConfig text =
        TextConfig.of(config, modelType.equals("llava_mistral") ? "mistral" : "llama", config);
    String aspect =
        config.oneOf("image_aspect_ratio", "square", List.of("square", "pad", "anyres"));
    boolean anyResolution = aspect.equals("anyres");
    String feature =
        config.oneOf("mm_vision_select_feature", "patch", List.of("patch", "cls_patch"));
    if (anyResolution && feature.equals("cls_patch")) {
      throw config.wrong(
          "mm_vision_select_feature", "isn't supported beside tiles, which have no class token");
    }
    String merge = anyResolution ? "spatial_unpad" : "flat";
    if (!config.text("mm_patch_merge_type", "flat").equals(merge)) {
      throw config.wrong(
          "mm_patch_merge_type",
          "isn't supported with image_aspect_ratio = \"%s\"; supported: %s"
              .formatted(aspect, merge));
    }
    return new LlavaConfig(
        modelType,
        vision,
        text,
        NO_TOKEN,
        featureLayer(config, vision),
        feature.equals("cls_patch"),
        "gelu",
        true,
        text.tieWordEmbeddings(),
        anyResolution ? pinpoints(config, vision) : List.of(),
        new OriginalLayout(tower, aspect.equals("pad")),
        quantization);
  }

  private static void refuse(ConfigFields config, String key, String what) {
    if (config.flag(key, false)) {
      throw config.wrong(key, what + ", which isn't supported");
    }
  }

  // The folder wins: it may be that of a tower trained further under the same name.
  private static VisionConfig vision(Path folder, String name, @Nullable Path towerFolder) {
    if (towerFolder != null) {
      HubCache.hint(towerFolder)
          .ifPresent(hint -> {
            throw new CheckpointException(towerFolder, hint);
          });
      ConfigFields tower = ConfigFields.read(towerFolder.resolve("config.json"));
      StoredQuantization.refuse(tower);
      return VisionConfig.ofClip(tower);
    }
    Optional<VisionConfig> known = VisionConfig.named(name);
    return known.orElseThrow(() -> missingTower(folder, name));
  }

  private static List<Integer> featureLayer(ConfigFields config, VisionConfig vision) {
    String key = "mm_vision_select_layer";
    if (config.isList(key)) {
      throw config.wrong(key, "must be one layer");
    }
    return LlavaConfig.visionFeatureLayers(config, key, vision);
  }

  private static List<Resolution> pinpoints(ConfigFields config, VisionConfig vision) {
    String key = "image_grid_pinpoints";
    return LlavaConfig.checkedPinpoints(config, key, config.resolutionsWidthFirst(key), vision);
  }
}
