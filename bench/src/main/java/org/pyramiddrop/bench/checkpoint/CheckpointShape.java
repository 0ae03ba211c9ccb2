package org.pyramiddrop.bench.checkpoint;

import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Resolution;
import org.pyramiddrop.loader.VisionConfig;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The sizes of a LLaVA-1.5 or LLaVA-NeXT checkpoint.
 *
 * @param hidden the decoder's width
 * @param intermediate width inside its feed-forward blocks
 * @param vocabulary rows of embedding and output head; the last 64 are the image token and padding,
 *     as in LLaVA-1.5
 */
public record CheckpointShape(
    int layers,
    int hidden,
    int intermediate,
    int heads,
    int keyValueHeads,
    int vocabulary,
    VisionConfig vision) {
  /** Vicuna 7B behind CLIP ViT-L/14 at 336 pixels. */
  public static final CheckpointShape LLAVA_7B =
      new CheckpointShape(32, 4096, 11008, 32, 32, 32064, clip(1024, 4096, 24, 16, 336));

  private static final int BEHIND_TEXT = 64;

  /** Refuses sizes that no decoder has. */
  public CheckpointShape {
    if (layers < 1 || hidden < 1 || intermediate < 1 || heads < 1 || keyValueHeads < 1) {
      throw new IllegalArgumentException("a checkpoint's sizes must be at least 1");
    }
    if (hidden % heads != 0 || hidden / heads % 2 != 0 || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "%d columns don't make %d heads of an even size over %d key/value heads"
              .formatted(hidden, heads, keyValueHeads));
    }
    if (vocabulary < ConfigFiles.LEAST_TOKENS + BEHIND_TEXT) {
      throw new IllegalArgumentException(
          "a vocabulary of %d is too small for every byte and letter; give at least %d"
              .formatted(vocabulary, ConfigFiles.LEAST_TOKENS + BEHIND_TEXT));
    }
  }

  public CheckpointShape withLayers(int count) {
    return new CheckpointShape(
        count, hidden, intermediate, heads, keyValueHeads, vocabulary, vision);
  }

  CheckpointShape withVision(VisionConfig other) {
    return new CheckpointShape(
        layers, hidden, intermediate, heads, keyValueHeads, vocabulary, other);
  }

  /** The same with as many layers in the vision tower as LLaVA-1.5's has. */
  public CheckpointShape withWholeVision() {
    return withVision(
        clip(
            vision.hiddenSize(),
            vision.intermediateSize(),
            LLAVA_7B.vision.layers(),
            vision.heads(),
            vision.imageSize()));
  }

  /** The same with a vision tower of one small layer: as many image tokens, next to no weights. */
  public CheckpointShape withTinyVision() {
    return withVision(clip(64, 128, 2, 2, vision.imageSize()));
  }

  /** A CLIP tower over patches of 14 × 14 pixels. */
  public static VisionConfig clip(int hidden, int intermediate, int layers, int heads, int pixels) {
    return new VisionConfig(
        hidden, intermediate, layers, heads, pixels, 14, 3, 1e-5f, "quick_gelu");
  }

  /** What a LLaVA-1.5 checkpoint's {@code config.json} says. */
  public LlavaConfig config() {
    return config(-2);
  }

  /** The same with features out of another layer of the vision tower, counted from its end. */
  public LlavaConfig config(int featureLayer) {
    return config("llava", featureLayer);
  }

  /**
   * What a LLaVA-NeXT checkpoint's says: images become up to two tiles each way, or three one way,
   * as in the published ones.
   */
  public LlavaConfig nextConfig() {
    int side = vision.imageSize();
    return config(
        "llava_next",
        -2,
        new Resolution(side, 2 * side),
        new Resolution(2 * side, side),
        new Resolution(2 * side, 2 * side),
        new Resolution(3 * side, side),
        new Resolution(side, 3 * side));
  }

  private LlavaConfig config(String modelType, int featureLayer, Resolution... pinpoints) {
    ObjectNode values = JsonMapper.shared().valueToTree(this);
    values
        .put("modelType", modelType)
        .put("headSize", hidden / heads)
        .put("imageTokenId", vocabulary - BEHIND_TEXT)
        .put("featureLayer", featureLayer)
        .set("pinpoints", JsonMapper.shared().valueToTree(pinpoints));
    String text = ConfigFiles.filled("shape.json", values);
    return JsonMapper.shared().readValue(text, LlavaConfig.class);
  }
}
