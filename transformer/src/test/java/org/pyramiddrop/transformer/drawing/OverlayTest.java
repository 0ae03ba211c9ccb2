package org.pyramiddrop.transformer.drawing;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.transformer.CutTokens;
import org.pyramiddrop.transformer.Stage;
import org.pyramiddrop.transformer.pruning.Place;

class OverlayTest {
  /** 30 pixels hold two patches of 14 and two pixels that belong to none. */
  private static final int SIDE = 30;

  private static final int PATCH = 14;
  private static final int SCALE = 12;
  private static final int PANEL = SIDE * SCALE;

  private final List<ImageView> views = List.of(view(1), view(2));
  private final List<Stage> stages =
      List.of(
          new Stage(0, 8, List.of(List.of(0, 1, 2, 3), List.of(0, 1, 2, 3))),
          new Stage(2, 3, List.of(List.of(1), List.of(0, 3))),
          new Stage(7, 0, List.of(List.of(), List.of())));

  @Test
  void everyPixelOfEveryPanelIsKeptOrDimmedOrGrid() {
    BufferedImage drawn = Overlay.draw(views, stages, 8, PATCH);

    assertThat(drawn.getWidth()).isEqualTo(Canvas.GAP + 3 * (PANEL + Canvas.GAP));
    assertThat(drawn.getHeight()).isEqualTo(Canvas.GAP + 2 * (PANEL + Canvas.CAPTION));
    for (int image = 0; image < 2; image++) {
      for (int stage = 0; stage < 3; stage++) {
        List<Integer> kept = stages.get(stage).kept().get(image);
        int left = Canvas.GAP + stage * (PANEL + Canvas.GAP);
        int top = Canvas.GAP + image * (PANEL + Canvas.CAPTION);
        for (int y = 0; y < PANEL; y++) {
          for (int x = 0; x < PANEL; x++) {
            int row = y / SCALE / PATCH;
            int column = x / SCALE / PATCH;
            boolean stays = row < 2 && column < 2 && kept.contains(2 * row + column);
            int colour = views.get(image).whole().rgb(x / SCALE, y / SCALE);
            int expected = stays ? colour : Overlay.dimmed(colour);
            if (x % (SCALE * PATCH) == 0 || y % (SCALE * PATCH) == 0) {
              expected = Canvas.grid(expected);
            }
            if ((drawn.getRGB(left + x, top + y) & 0xFFFFFF) != expected) {
              throw new AssertionError(
                  "image %d, stage %d, pixel %d, %d".formatted(image, stage, x, y));
            }
          }
        }
      }
    }
  }

  @Test
  void patchesMergedIntoOneThatIsStillThereAreAmber() {
    // Of the first image 1 and 3 went into 0, and 2 into nothing; of the second all are there.
    CutTokens cut =
        new CutTokens(
            new Place.Tower(),
            List.of(List.of(0), List.of(0, 1, 2, 3)),
            List.of(List.of(0), List.of()),
            List.of(List.of(List.of(1, 3)), List.of()));
    List<Stage> merging =
        List.of(
            new Stage(0, 5, List.of(List.of(0), List.of(0, 1, 2, 3))),
            new Stage(4, 4, List.of(List.of(), List.of(0, 1, 2, 3))));
    BufferedImage drawn = Overlay.draw(views, List.of(cut), merging, 8, PATCH);

    int colour = views.get(0).whole().rgb(1, 1);
    assertThat(inside(drawn, 0, 0, 0)).isEqualTo(colour);
    assertThat(inside(drawn, 0, 0, 1)).isEqualTo(Overlay.amber(at(0, 1)));
    assertThat(inside(drawn, 0, 0, 2)).isEqualTo(Overlay.dimmed(at(0, 2)));
    assertThat(inside(drawn, 0, 0, 3)).isEqualTo(Overlay.amber(at(0, 3)));
    // Once its target is dropped, what was merged into it is gone too.
    assertThat(inside(drawn, 1, 0, 1)).isEqualTo(Overlay.dimmed(at(0, 1)));
    assertThat(inside(drawn, 0, 1, 1)).isEqualTo(at(1, 1));
  }

  /** The colour that a patch's second pixel has in a view. */
  private int at(int image, int patch) {
    return views.get(image).whole().rgb(patch % 2 * PATCH + 1, patch / 2 * PATCH + 1);
  }

  /** The colour that it has in a panel. */
  private static int inside(BufferedImage drawn, int stage, int image, int patch) {
    int left = Canvas.GAP + stage * (PANEL + Canvas.GAP) + (patch % 2 * PATCH + 1) * SCALE;
    int top = Canvas.GAP + image * (PANEL + Canvas.CAPTION) + (patch / 2 * PATCH + 1) * SCALE;
    return drawn.getRGB(left, top) & 0xFFFFFF;
  }

  @Test
  void dimmedPatchesAreGreyAndNeitherBlackNorWhite() {
    assertThat(Overlay.dimmed(0xFFFFFF)).isEqualTo(0x7F7F7F);
    assertThat(Overlay.dimmed(0x000000)).isEqualTo(0x404040);
    assertThat(Overlay.dimmed(0x00FF00)).isEqualTo(0x656565);
    assertThat(Canvas.grid(0xFF8004)).isEqualTo(0xC06003);
  }

  @Test
  void everyPanelHasItsOwnCaption() {
    BufferedImage drawn = Overlay.draw(views, stages, 8, PATCH);

    assertThat(caption(drawn, 0, 0)).isEqualTo(ink("layers 0-1: 4 of 4"));
    assertThat(caption(drawn, 1, 0)).isEqualTo(ink("layers 2-6: 1 of 4"));
    assertThat(caption(drawn, 1, 1)).isEqualTo(ink("layers 2-6: 2 of 4"));
    assertThat(caption(drawn, 2, 1)).isEqualTo(ink("layer 7: 0 of 4"));
  }

  private static String caption(BufferedImage drawn, int stage, int image) {
    int left = Canvas.GAP + stage * (PANEL + Canvas.GAP);
    int top = Canvas.GAP + image * (PANEL + Canvas.CAPTION);
    return Ink.below(drawn, left, top + PANEL, 30);
  }

  private static String ink(String text) {
    return Ink.of(text, 30);
  }

  private static ImageView view(long seed) {
    return new ImageView(noise(seed), null, new ImageLayout(2, false, null));
  }

  private static Image noise(long seed) {
    Random random = new Random(seed);
    BufferedImage image = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < SIDE; y++) {
      for (int x = 0; x < SIDE; x++) {
        image.setRGB(x, y, random.nextInt(1 << 24));
      }
    }
    return Image.of(image);
  }
}
