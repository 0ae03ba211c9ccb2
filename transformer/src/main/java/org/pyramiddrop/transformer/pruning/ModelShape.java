package org.pyramiddrop.transformer.pruning;

import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.TextConfig;
import org.pyramiddrop.loader.VisionConfig;

/**
 * The sizes that a model's work follows from.
 *
 * @param hidden the decoder's hidden size
 * @param intermediate the decoder's feed-forward size
 * @param layers decoder layers
 * @param heads query heads
 * @param kvHeads key and value heads
 * @param headSize values in a head
 * @param vocab rows of the output head
 * @param vision the vision tower
 */
public record ModelShape(
    int hidden,
    int intermediate,
    int layers,
    int heads,
    int kvHeads,
    int headSize,
    int vocab,
    Vision vision) {

  /** LLaVA-1.5 7B: Vicuna 7B behind CLIP ViT-L/14 at 336 pixels. */
  public static final ModelShape LLAVA_7B =
      new ModelShape(
          4096,
          11008,
          32,
          32,
          32,
          128,
          32064,
          new Vision(1024, 4096, 23, 336, 14, 3, 1, false, 16));

  /** The shape that a checkpoint's configuration gives. */
  public static ModelShape of(LlavaConfig config) {
    TextConfig text = config.text();
    VisionConfig vision = config.vision();
    int deepest =
        config.visionFeatureLayers().stream()
            .mapToInt(layer -> layer < 0 ? layer + vision.layers() + 1 : layer)
            .max()
            .orElseThrow();
    return new ModelShape(
        text.hiddenSize(),
        text.intermediateSize(),
        text.layers(),
        text.heads(),
        text.keyValueHeads(),
        text.headSize(),
        text.vocabSize(),
        new Vision(
            vision.hiddenSize(),
            vision.intermediateSize(),
            deepest,
            vision.imageSize(),
            vision.patchSize(),
            vision.channels(),
            config.visionFeatureLayers().size(),
            config.keepsClassToken(),
            vision.heads()));
  }

  /** Refuses a size below 1. */
  public ModelShape {
    requirePositive(hidden, intermediate, layers, heads, kvHeads, headSize, vocab);
  }

  /**
   * The sizes of a vision tower.
   *
   * @param hidden the tower's hidden size
   * @param intermediate the tower's feed-forward size
   * @param layersRun the layers that run, which are fewer than the tower has where an inner layer's
   *     output is used
   * @param imageSize pixels of a crop's side
   * @param patchSize pixels of a patch's side
   * @param channels colour channels
   * @param featureLayers how many of its layers' outputs the projector reads, side by side
   * @param classToken whether the class token goes to the projector too
   * @param heads attention heads
   */
  public record Vision(
      int hidden,
      int intermediate,
      int layersRun,
      int imageSize,
      int patchSize,
      int channels,
      int featureLayers,
      boolean classToken,
      int heads) {

    /** Refuses a size below 1; no layer at all may run. */
    public Vision {
      requirePositive(
          hidden,
          intermediate,
          layersRun + 1,
          imageSize,
          patchSize,
          channels,
          featureLayers,
          heads);
    }

    /** Patches of one crop. */
    public int patches() {
      int side = imageSize / patchSize;
      return side * side;
    }

    /** Image tokens that one crop becomes. */
    public int tokens() {
      return patches() + (classToken ? 1 : 0);
    }
  }

  private static void requirePositive(int... sizes) {
    for (int size : sizes) {
      if (size < 1) {
        throw new IllegalArgumentException("a model's sizes must be at least 1, got " + size);
      }
    }
  }
}
