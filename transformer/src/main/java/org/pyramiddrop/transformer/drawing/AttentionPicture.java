package org.pyramiddrop.transformer.drawing;

import java.awt.image.BufferedImage;
import java.util.List;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.transformer.AttentionMap;

/**
 * The paper's figure 1, right: a picture, and behind it once for every layer with each patch as
 * bright as the attention it gets, from black over red and yellow to white for the layer's highest.
 */
public final class AttentionPicture {
  /** How much of a pixel is heat, in 256ths; the rest is the picture in grey. */
  private static final int HEAT = 192;

  private AttentionPicture() {}

  /**
   * Draws one image.
   *
   * @param view the image as the vision tower takes it
   * @param maps one for each layer
   * @param image which of the question's images it is
   * @param patchSize pixels of a patch's side
   * @throws IllegalArgumentException if a map hasn't one number a patch
   */
  public static BufferedImage draw(
      Picture view, List<AttentionMap> maps, int image, int patchSize) {
    Canvas canvas = new Canvas(view, 1 + maps.size(), 1, patchSize);
    canvas.panel(0, 0, view, "", (patch, colour) -> colour);
    for (int i = 0; i < maps.size(); i++) {
      AttentionMap map = maps.get(i);
      List<Float> attention = map.images().get(image);
      if (attention.size() != canvas.patches()) {
        throw new IllegalArgumentException(
            "attention to %d tokens can't be drawn over %d patches"
                .formatted(attention.size(), canvas.patches()));
      }
      float most = attention.stream().max(Float::compare).orElseThrow();
      canvas.panel(
          i + 1,
          0,
          view,
          "layer " + map.layer(),
          (patch, colour) ->
              mixed(patch < 0 || most == 0 ? 0 : attention.get(patch) / most, colour));
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
