package org.pyramiddrop.transformer.drawing;

import java.awt.image.BufferedImage;
import java.util.BitSet;
import java.util.List;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.transformer.Stage;

/**
 * The paper's figure 5: the picture as the model saw it, once for every stage, with the patches
 * that have been dropped turned to dim grey. One row an image.
 */
public final class Overlay {
  private Overlay() {}

  /**
   * Refuses a model whose image tokens aren't the patches of one view.
   *
   * @throws IllegalArgumentException naming what the model has instead
   */
  public static void check(LlavaConfig config) {
    if (!config.modelType().equals("llava") || config.keepsClassToken()) {
      throw new IllegalArgumentException(
          "an overlay needs a model with one image token a patch; this one is "
              + config.modelType()
              + (config.keepsClassToken() ? " with a class token" : ""));
    }
  }

  /**
   * Draws every stage of every image.
   *
   * @param views each image as the vision tower takes it, all of one size
   * @param layers the decoder's number of layers
   * @param patchSize pixels of a patch's side
   */
  public static BufferedImage draw(
      List<Picture> views, List<Stage> stages, int layers, int patchSize) {
    Canvas canvas = new Canvas(views.getFirst(), stages.size(), views.size(), patchSize);
    for (int row = 0; row < views.size(); row++) {
      for (int stage = 0; stage < stages.size(); stage++) {
        List<Integer> kept = stages.get(stage).kept().get(row);
        BitSet stays = new BitSet();
        kept.forEach(stays::set);
        String range = Stage.layers(stages, stage, layers);
        String caption =
            "%s %s: %d of %d"
                .formatted(
                    range.contains("-") ? "layers" : "layer", range, kept.size(), canvas.patches());
        canvas.panel(
            stage,
            row,
            views.get(row),
            caption,
            (patch, colour) -> patch >= 0 && stays.get(patch) ? colour : dimmed(colour));
      }
    }
    return canvas.image();
  }

  /** Grey between 64 and 127, which neither a white nor a black patch that stayed can have. */
  static int dimmed(int colour) {
    return (64 + Canvas.luminance(colour) / 4) * 0x010101;
  }
}
