package org.pyramiddrop.cli;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import javax.imageio.ImageIO;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Picture;
import org.pyramiddrop.transformer.Stage;

/**
 * The paper's figure 5: the picture as the model saw it, once for every stage, with the patches
 * that have been dropped turned to dim grey. One row an image.
 */
final class Overlay {
  static final int GAP = 8;
  static final int CAPTION = 30;
  private static final int PANEL = 336;
  private static final int TEXT_SCALE = 2;
  private static final int TEXT_TOP = 8;
  private static final int WHITE = 0xFFFFFF;
  private static final int BLACK = 0;

  private Overlay() {}

  /**
   * Refuses what could only fail after the work is done.
   *
   * @throws BadUse if the file can't be written there, there is no image, or the model's image
   *     tokens aren't the patches of one view
   */
  static void check(Path file, LlavaConfig config, int images) {
    if (images == 0) {
      throw new BadUse("--overlay needs an --image");
    }
    if (!config.modelType().equals("llava") || config.keepsClassToken()) {
      throw new BadUse(
          "--overlay needs a model with one image token a patch; this one is "
              + config.modelType()
              + (config.keepsClassToken() ? " with a class token" : ""));
    }
    Path folder = file.toAbsolutePath().getParent();
    if (folder == null || !Files.isDirectory(folder)) {
      throw new BadUse("--overlay " + file + ": no such folder as " + folder);
    }
    if (Files.isDirectory(file)) {
      throw new BadUse("--overlay " + file + ": is a folder");
    }
  }

  /**
   * Draws the overlay into a PNG file.
   *
   * @throws RunFailed if it can't be written
   */
  static void write(Path file, List<Picture> views, List<Stage> stages, int layers, int patchSize) {
    BufferedImage image = draw(views, stages, layers, patchSize);
    try {
      if (!ImageIO.write(image, "png", file.toFile())) {
        throw new IOException("this Java has no PNG writer");
      }
    } catch (IOException e) {
      throw new RunFailed("--overlay " + file + ": " + e.getMessage(), e);
    }
  }

  /**
   * Draws every stage of every image.
   *
   * @param views each image as the vision tower takes it, all of one size
   * @param layers the decoder's number of layers
   * @param patchSize pixels of a patch's side
   */
  static BufferedImage draw(List<Picture> views, List<Stage> stages, int layers, int patchSize) {
    int width = views.getFirst().width();
    int height = views.getFirst().height();
    int scale = Math.max(1, Math.ceilDiv(PANEL, width));
    BufferedImage canvas =
        new BufferedImage(
            GAP + stages.size() * (width * scale + GAP),
            GAP + views.size() * (height * scale + CAPTION),
            BufferedImage.TYPE_INT_RGB);
    fill(canvas, 0, 0, canvas.getWidth(), canvas.getHeight(), WHITE);
    int patches = (width / patchSize) * (height / patchSize);
    for (int row = 0; row < views.size(); row++) {
      int top = GAP + row * (height * scale + CAPTION);
      for (int stage = 0; stage < stages.size(); stage++) {
        int left = GAP + stage * (width * scale + GAP);
        List<Integer> kept = stages.get(stage).kept().get(row);
        panel(canvas, left, top, scale, views.get(row), patchSize, kept);
        String range = Pyramid.layers(stages, stage, layers);
        String caption =
            (range.contains("-") ? "layers " : "layer ")
                + range
                + ": "
                + kept.size()
                + " of "
                + patches;
        text(canvas, left, top + height * scale + TEXT_TOP, caption);
      }
    }
    return canvas;
  }

  private static void panel(
      BufferedImage canvas,
      int left,
      int top,
      int scale,
      Picture view,
      int patchSize,
      List<Integer> kept) {
    BitSet stays = new BitSet();
    kept.forEach(stays::set);
    int across = view.width() / patchSize;
    int down = view.height() / patchSize;
    int side = patchSize * scale;
    for (int y = 0; y < view.height() * scale; y++) {
      for (int x = 0; x < view.width() * scale; x++) {
        int colour = view.rgb(x / scale, y / scale);
        int column = x / side;
        int row = y / side;
        // The tower's patches start at the top left; what is left over at the far edges has none.
        if (column >= across || row >= down || !stays.get(row * across + column)) {
          colour = dimmed(colour);
        }
        canvas.setRGB(left + x, top + y, x % side == 0 || y % side == 0 ? grid(colour) : colour);
      }
    }
  }

  /** Grey between 64 and 127, which neither a white nor a black patch that stayed can have. */
  static int dimmed(int colour) {
    int red = colour >> 16 & 0xFF;
    int green = colour >> 8 & 0xFF;
    int blue = colour & 0xFF;
    int luminance = (299 * red + 587 * green + 114 * blue) / 1000;
    return (64 + luminance / 4) * 0x010101;
  }

  /** Three quarters as bright. */
  static int grid(int colour) {
    return colour - ((colour >> 2) & 0x3F3F3F);
  }

  private static void text(BufferedImage canvas, int left, int top, String text) {
    for (int i = 0; i < text.length(); i++) {
      int glyphLeft = left + i * (TinyFont.WIDTH + 1) * TEXT_SCALE;
      for (int y = 0; y < TinyFont.HEIGHT; y++) {
        for (int x = 0; x < TinyFont.WIDTH; x++) {
          if (TinyFont.inked(text.charAt(i), x, y)) {
            fill(
                canvas,
                glyphLeft + x * TEXT_SCALE,
                top + y * TEXT_SCALE,
                TEXT_SCALE,
                TEXT_SCALE,
                BLACK);
          }
        }
      }
    }
  }

  private static void fill(
      BufferedImage canvas, int left, int top, int width, int height, int colour) {
    for (int y = top; y < top + height; y++) {
      for (int x = left; x < left + width; x++) {
        canvas.setRGB(x, y, colour);
      }
    }
  }
}
