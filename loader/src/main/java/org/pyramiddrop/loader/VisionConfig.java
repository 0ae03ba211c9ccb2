package org.pyramiddrop.loader;

import java.util.List;
import java.util.Optional;

/**
 * The shape of a CLIP vision tower.
 *
 * @param hiddenSize width of its layers
 * @param intermediateSize width inside its feed-forward blocks
 * @param layers how many layers it has
 * @param heads attention heads; they divide {@code hiddenSize}
 * @param imageSize height and width of the images it takes, in pixels
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
  /** The side of the largest square that an image may be. */
  private static final int MOST_SIDE = (int) Math.sqrt(ImageLimits.REFERENCE_PIXELS);

  /** How many patches an image is cut into, a row of them times a column. */
  public int patches() {
    int side = imageSize / patchSize;
    return side * side;
  }

  // A LLaVA config without any vision_config means CLIP ViT-L/14 at 336 pixels; a vision_config
  // that leaves fields
  // out means CLIP's own defaults, which are ViT-B/32's.
  static VisionConfig of(ConfigFields config) {
    return config.has("vision_config") ? clip(config.object("vision_config")) : large(336);
  }

  /** Reads the {@code config.json} of a CLIP model, or of its vision tower alone. */
  static VisionConfig ofClip(ConfigFields config) {
    return clip(config.has("vision_config") ? config.object("vision_config") : config);
  }

  /** The towers of which the original LLaVA's checkpoints say no more than the name. */
  static Optional<VisionConfig> named(String tower) {
    return switch (tower) {
      case "openai/clip-vit-large-patch14-336" -> Optional.of(large(336));
      case "openai/clip-vit-large-patch14" -> Optional.of(large(224));
      default -> Optional.empty();
    };
  }

  private static VisionConfig large(int imageSize) {
    return new VisionConfig(1024, 4096, 24, 16, imageSize, 14, 3, 1e-5f, "quick_gelu");
  }

  private static VisionConfig clip(ConfigFields vision) {
    vision.oneOf("model_type", "clip_vision_model", List.of("clip_vision_model"));
    VisionConfig tower =
        new VisionConfig(
            vision.positive("hidden_size", 768, TextConfig.MOST_WIDTH),
            vision.positive("intermediate_size", 3072, TextConfig.MOST_WIDTH),
            vision.positive("num_hidden_layers", 12, TextConfig.MOST_LAYERS),
            vision.positive("num_attention_heads", 12, TextConfig.MOST_WIDTH),
            vision.positive("image_size", 224, MOST_SIDE),
            vision.positive("patch_size", 32),
            vision.positive("num_channels", 3),
            vision.epsilon("layer_norm_eps", 1e-5),
            vision.oneOf("hidden_act", "quick_gelu", List.of("quick_gelu", "gelu")));
    if (tower.hiddenSize % tower.heads != 0) {
      throw vision.wrong("num_attention_heads", "must divide hidden_size = " + tower.hiddenSize);
    }
    if (tower.patchSize > tower.imageSize) {
      throw vision.wrong("patch_size", "is larger than image_size = " + tower.imageSize);
    }
    long widest = Math.max(3L * tower.hiddenSize, tower.intermediateSize);
    if ((tower.patches() + 1) * widest > Integer.MAX_VALUE) {
      throw vision.wrong(
          "image_size",
          "makes %d patches, whose values are more than the %d that are supported"
              .formatted(tower.patches(), Integer.MAX_VALUE));
    }
    if (tower.channels != 3) {
      throw vision.wrong("num_channels", "isn't supported; images have 3");
    }
    return tower;
  }
}
