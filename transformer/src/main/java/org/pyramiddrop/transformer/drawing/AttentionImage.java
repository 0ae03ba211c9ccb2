package org.pyramiddrop.transformer.drawing;

import java.awt.image.BufferedImage;
import java.util.List;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.transformer.AttentionMap;

/**
 * The paper's figure 1, right: an image, and behind it once for every layer with each patch as
 * bright as the attention it gets, from black over red and yellow to white for the layer's highest.
 * A model that takes tiles has a finer grid below, and right of it a thin column of newlines.
 */
public final class AttentionImage {
  /** How much of a pixel is heat, in 256ths; the rest is the image in grey. */
  private static final int HEAT = 192;

  private AttentionImage() {}

  /**
   * Draws one image.
   *
   * @param view what the model sees of it
   * @param maps one for each layer
   * @param image which of the question's images it is
   * @param patchSize pixels of a patch's side
   * @throws IllegalArgumentException if a map hasn't one number a token
   */
  public static BufferedImage draw(
      ImageView view, List<AttentionMap> maps, int image, int patchSize) {
    Panels panels = new Panels(view, patchSize);
    int step = panels.width() + Canvas.GAP;
    Canvas canvas = new Canvas(Canvas.GAP + (1 + maps.size()) * step, Canvas.GAP + panels.height());
    panels.draw(canvas, Canvas.GAP, Canvas.GAP, "", "", (token, colour) -> colour);
    for (int i = 0; i < maps.size(); i++) {
      AttentionMap map = maps.get(i);
      List<Float> attention = map.images().get(image);
      if (attention.size() != view.layout().tokens()) {
        throw new IllegalArgumentException(
            "attention to %d tokens can't be drawn over an image of %d"
                .formatted(attention.size(), view.layout().tokens()));
      }
      float most = attention.stream().max(Float::compare).orElseThrow();
      panels.draw(
          canvas,
          Canvas.GAP + (i + 1) * step,
          Canvas.GAP,
          "layer " + map.layer(),
          "grid and newlines",
          (token, colour) ->
              mixed(token < 0 || most == 0 ? 0 : attention.get(token) / most, colour));
    }
    return canvas.image();
  }

  private static int mixed(float share, int colour) {
    int heat = heat(share);
    int grey = Canvas.luminance(colour);
    int mixed = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
      int level = ((heat >> shift & 0xFF) * HEAT + grey * (256 - HEAT)) / 256;
      mixed |= level << shift;
    }
    return mixed;
  }

  /** A third of the way each: red, green and blue come up one after the other. */
  static int heat(float share) {
    int level = Math.round(share * 3 * 255);
    int red = Math.clamp(level, 0, 255);
    int green = Math.clamp(level - 255, 0, 255);
    int blue = Math.clamp(level - 510, 0, 255);
    return red << 16 | green << 8 | blue;
  }
}
