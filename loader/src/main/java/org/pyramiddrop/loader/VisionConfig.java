package org.pyramiddrop.loader;

import java.util.List;

/**
 * The shape of a CLIP vision tower.
 *
 * @param hiddenSize width of its layers
 * @param intermediateSize width inside its feed-forward blocks
 * @param layers how many layers it has
 * @param heads attention heads; they divide {@code hiddenSize}
 * @param imageSize height and width of the pictures it takes, in pixels
 * @param patchSize height and width of a patch, in pixels
 * @param channels colour channels
 * @param layerNormEps what its layer norms add to the variance
 * @param activation {@code quick_gelu} or {@code gelu}
 */
public record VisionConfig(
    int hiddenSize,
    int intermediateSize,
    int layers,
    int heads,
    int imageSize,
    int patchSize,
    int channels,
    float layerNormEps,
    String activation) {

  /** How many patches a picture is cut into, a row of them times a column. */
  public int patches() {
    int side = imageSize / patchSize;
    return side * side;
  }

  // A LLaVA config without any vision_config means CLIP ViT-L/14 at 336 pixels; a vision_config
  // that leaves fields
  // out means CLIP's own defaults, which are ViT-B/32's.
  static VisionConfig of(Fields config) {
    boolean given = config.has("vision_config");
    Fields vision = config.object("vision_config");
    vision.oneOf("model_type", "clip_vision_model", List.of("clip_vision_model"));
    VisionConfig tower =
        new VisionConfig(
            vision.positive("hidden_size", given ? 768 : 1024),
            vision.positive("intermediate_size", given ? 3072 : 4096),
            vision.positive("num_hidden_layers", given ? 12 : 24),
            vision.positive("num_attention_heads", given ? 12 : 16),
            vision.positive("image_size", given ? 224 : 336),
            vision.positive("patch_size", given ? 32 : 14),
            vision.positive("num_channels", 3),
            (float) vision.positive("layer_norm_eps", 1e-5),
            vision.oneOf("hidden_act", "quick_gelu", List.of("quick_gelu", "gelu")));
    if (tower.hiddenSize % tower.heads != 0) {
      throw vision.wrong("num_attention_heads", "must divide hidden_size = " + tower.hiddenSize);
    }
    if (tower.patchSize > tower.imageSize) {
      throw vision.wrong("patch_size", "is larger than image_size = " + tower.imageSize);
    }
    if (tower.channels != 3) {
      throw vision.wrong("num_channels", "isn't supported; pictures have 3");
    }
    return tower;
  }
}
