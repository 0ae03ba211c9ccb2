package org.pyramiddrop.transformer.drawing;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.util.BitSet;
import java.util.List;
import javax.imageio.ImageIO;
import javax.imageio.stream.ImageOutputStream;
import javax.imageio.stream.MemoryCacheImageOutputStream;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.transformer.CutTokens;
import org.pyramiddrop.transformer.Stage;

/**
 * The paper's figure 5: the image as the model saw it, once for every stage, with the patches that
 * have been dropped turned to dim grey, and those merged into one that is still there to dim amber.
 * One row an image; of a model that takes tiles, the finer grid stands below the whole image, and
 * right of it a thin column of its rows' newlines.
 */
public final class Overlay {
  private Overlay() {}

  /**
   * Refuses a model with an image token that stands for no place of an image.
   *
   * @throws IllegalArgumentException naming it
   */
  public static void check(LlavaConfig config) {
    if (config.keepsClassToken()) {
      throw new IllegalArgumentException(
          "an overlay needs a place for every image token; this model has a class token too");
    }
  }

  /**
   * Writes a drawing as a PNG, without a temporary file, for which there may be no place.
   *
   * @throws IOException if the stream doesn't take it
   */
  public static void writePng(BufferedImage drawing, OutputStream out) throws IOException {
    // Given any other stream, ImageIO wants a temporary file.
    try (ImageOutputStream png = new MemoryCacheImageOutputStream(out)) {
      if (!ImageIO.write(drawing, "png", png)) {
        throw new IOException("this Java has no PNG writer");
      }
    }
  }

  /** Draws every stage of every image, nothing cut before the decoder. */
  public static BufferedImage draw(
      List<ImageView> views, List<Stage> stages, int layers, int patchSize) {
    return draw(views, List.of(), stages, layers, patchSize);
  }

  /**
   * Draws every stage of every image.
   *
   * @param views what the model sees of each image
   * @param cuts an answer's cuts before the decoder
   * @param layers the decoder's number of layers
   * @param patchSize pixels of a patch's side
   */
  public static BufferedImage draw(
      List<ImageView> views, List<CutTokens> cuts, List<Stage> stages, int layers, int patchSize) {
    List<Panels> rows = views.stream().map(view -> new Panels(view, patchSize)).toList();
    int width = rows.stream().mapToInt(Panels::width).max().orElseThrow() + Canvas.GAP;
    int height = rows.stream().mapToInt(Panels::height).sum();
    Canvas canvas = new Canvas(Canvas.GAP + stages.size() * width, Canvas.GAP + height);
    int top = Canvas.GAP;
    for (int row = 0; row < rows.size(); row++) {
      Panels panels = rows.get(row);
      for (int stage = 0; stage < stages.size(); stage++) {
        BitSet stays = new BitSet();
        stages.get(stage).kept().get(row).forEach(stays::set);
        BitSet merged = merged(cuts, row, stays);
        panels.draw(
            canvas,
            Canvas.GAP + stage * width,
            top,
            caption(Stage.layers(stages, stage, layers), panels.layout(), stays),
            gridCaption(panels.layout(), stays),
            (token, colour) -> {
              if (token >= 0 && stays.get(token)) {
                return colour;
              }
              return token >= 0 && merged.get(token) ? amber(colour) : dimmed(colour);
            });
      }
      top += panels.height();
    }
    return canvas.image();
  }

  /** An image's tokens that were merged into those which stay. */
  private static BitSet merged(List<CutTokens> cuts, int image, BitSet stay) {
    BitSet merged = new BitSet();
    for (CutTokens cut : cuts) {
      List<Integer> targets = cut.targets().get(image);
      for (int i = 0; i < targets.size(); i++) {
        if (stay.get(targets.get(i))) {
          cut.merged().get(image).get(i).forEach(merged::set);
        }
      }
    }
    return merged;
  }

  private static String caption(String range, ImageLayout layout, BitSet stays) {
    int patches = layout.side() * layout.side();
    return "%s %s: %d of %d"
        .formatted(
            range.contains("-") ? "layers" : "layer",
            range,
            stays.get(0, patches).cardinality(),
            patches);
  }

  private static String gridCaption(ImageLayout layout, BitSet stays) {
    ImageLayout.Tiles tiles = layout.tiles();
    if (tiles == null) {
      return "";
    }
    int newlines = 0;
    for (int row = 0; row < tiles.rows(); row++) {
      newlines += stays.get(layout.grid(row, tiles.columns())) ? 1 : 0;
    }
    int kept = stays.get(layout.cropTokens(), layout.tokens()).cardinality();
    return "grid: %d of %d\nnewlines: %d of %d"
        .formatted(kept - newlines, tiles.rows() * tiles.columns(), newlines, tiles.rows());
  }

  /** As dim, with more red and green. */
  static int amber(int colour) {
    return dimmed(colour) + 0x603000;
  }

  /** Grey between 64 and 127, which neither a white nor a black patch that stayed can have. */
  static int dimmed(int colour) {
    return (64 + Canvas.luminance(colour) / 4) * 0x010101;
  }
}
