package org.pyramiddrop.transformer.drawing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.awt.image.BufferedImage;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageView;
import org.pyramiddrop.transformer.AttentionMap;
import org.pyramiddrop.transformer.Stage;

/** Drawings of images that tiles make up, token by token. */
class TiledOverlayTest {
  private static final int PATCH = 14;

  /** Two rows of three patches beside a whole of two by two: 28 and 42 pixels, 12 and 8 times. */
  private static final ImageLayout WIDE =
      new ImageLayout(2, false, new ImageLayout.Tiles(1, 2, 0, 0, 2, 3));

  /** Five rows of one patch: 70 pixels high, 5 times. */
  private static final ImageLayout TALL =
      new ImageLayout(2, false, new ImageLayout.Tiles(3, 1, 0, 0, 5, 1));

  /** An image of 336×336: two tiles, half of whose patches are padding. */
  private static final ImageLayout SQUARE =
      new ImageLayout(24, false, new ImageLayout.Tiles(1, 2, 0, 12, 24, 24));

  @Test
  void everyPixelOfTwoImagesIsThatOfItsToken() {
    List<ImageView> views = List.of(view(WIDE, 1), view(TALL, 2));
    assertThat(List.of(WIDE.tokens(), TALL.tokens())).containsExactly(12, 14);
    List<Stage> stages =
        List.of(
            stage(0, List.of(all(WIDE), all(TALL))),
            stage(2, List.of(List.of(0, 3, 4, 6, 9, 11), List.of(1, 4, 7, 8, 13))),
            stage(7, List.of(List.of(), List.of(5))));
    BufferedImage drawn = Overlay.draw(views, stages, 8, PATCH);

    int width = 42 * 8 + 4 + 8;
    assertThat(drawn.getWidth()).isEqualTo(8 + 3 * (width + 8));
    int first = 336 + 30 + 28 * 8 + 50;
    int second = 336 + 30 + 70 * 5 + 50;
    assertThat(drawn.getHeight()).isEqualTo(8 + first + second);
    for (int stage = 0; stage < 3; stage++) {
      int left = 8 + stage * (width + 8);
      Set<Integer> wide = new HashSet<>(stages.get(stage).kept().get(0));
      Set<Integer> tall = new HashSet<>(stages.get(stage).kept().get(1));
      assertImage(drawn, left, 8, views.get(0), 12, 8, wide::contains);
      assertImage(drawn, left, 8 + first, views.get(1), 12, 5, tall::contains);
    }
  }

  @Test
  void anImageOf336PixelsHasEachOfIts1176TokensAtItsPlace() {
    assertThat(SQUARE.tokens()).isEqualTo(1176);
    ImageView view = view(SQUARE, 3);
    Random random = new Random(4);
    List<Integer> some = all(SQUARE).stream().filter(_ -> random.nextBoolean()).toList();
    List<Stage> stages =
        List.of(
            stage(0, List.of(all(SQUARE))),
            stage(8, List.of(some)),
            // The first and the last patch of either view, and the first and the last newline.
            stage(16, List.of(List.of(0, 575, 576, 600, 1174, 1175))));
    BufferedImage drawn = Overlay.draw(List.of(view), stages, 32, PATCH);

    for (int stage = 0; stage < 3; stage++) {
      Set<Integer> kept = new HashSet<>(stages.get(stage).kept().getFirst());
      assertImage(drawn, 8 + stage * (348 + 8), 8, view, 1, 1, kept::contains);
    }
    int last = 8 + 2 * 356;
    assertThat(caption(drawn, last, 8 + 336)).isEqualTo(ink("layers 16-31: 2 of 576"));
    assertThat(caption(drawn, last, 8 + 366 + 336)).isEqualTo(ink("grid: 2 of 576"));
    assertThat(caption(drawn, last, 8 + 366 + 356)).isEqualTo(ink("newlines: 2 of 24"));
  }

  @Test
  void captionsCountPatchesAndNewlinesApart() {
    List<ImageView> views = List.of(view(WIDE, 1), view(TALL, 2));
    List<Stage> stages =
        List.of(
            stage(0, List.of(all(WIDE), all(TALL))),
            stage(7, List.of(List.of(0, 4, 5, 6, 7, 11), List.of(4, 6))));
    BufferedImage drawn = Overlay.draw(views, stages, 8, PATCH);

    int left = 8 + 348 + 8;
    int second = 8 + 336 + 30 + 224 + 50;
    assertThat(caption(drawn, 8, 8 + 336)).isEqualTo(ink("layers 0-6: 4 of 4"));
    assertThat(caption(drawn, left, 8 + 336)).isEqualTo(ink("layer 7: 1 of 4"));
    assertThat(caption(drawn, left, 8 + 366 + 224)).isEqualTo(ink("grid: 3 of 6"));
    assertThat(caption(drawn, left, 8 + 366 + 224 + 20)).isEqualTo(ink("newlines: 2 of 2"));
    assertThat(caption(drawn, left, second + 366 + 350)).isEqualTo(ink("grid: 2 of 5"));
    assertThat(caption(drawn, left, second + 366 + 350 + 20)).isEqualTo(ink("newlines: 0 of 5"));
  }

  @Test
  void attentionLiesOnTheTokensOfBothViews() {
    ImageView view = new ImageView(black(2, 2), black(3, 2), WIDE);
    List<Float> attention = new ArrayList<>();
    for (int token = 0; token < 12; token++) {
      boolean newline = token == 7 || token == 11;
      float ofGrid = newline ? 3f : token < 7 ? 1f : 2f;
      attention.add(token < 4 ? 0f : ofGrid);
    }
    BufferedImage drawn =
        AttentionImage.draw(view, List.of(new AttentionMap(5, List.of(attention))), 0, PATCH);

    int left = 8 + 348 + 8;
    int gridTop = 8 + 336 + 30;
    assertThat(drawn.getRGB(left + 100, 8 + 100) & 0xFFFFFF).isZero();
    for (int column = 0; column < 3; column++) {
      int x = left + column * 112 + 56;
      assertThat(drawn.getRGB(x, gridTop + 56) & 0xFFFFFF).isEqualTo(0xBF0000);
      assertThat(drawn.getRGB(x, gridTop + 112 + 56) & 0xFFFFFF).isEqualTo(0xBFBF00);
    }
    // White heat over the grey of the column's own colour.
    int newline = 191 + Canvas.luminance(Panels.NEWLINE) / 4;
    assertThat(drawn.getRGB(left + 336 + 4 + 4, gridTop + 56) & 0xFF).isCloseTo(newline, within(1));
    assertThat(caption(drawn, left, gridTop + 224)).isEqualTo(ink("grid and newlines"));
  }

  @Test
  void refusesATokenThatStandsForNoPlace() {
    ImageView view = new ImageView(black(2, 2), null, new ImageLayout(2, true, null));
    assertThatThrownBy(
            () -> Overlay.draw(List.of(view), List.of(stage(0, List.of(List.of()))), 8, PATCH))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("class token");
  }

  /** Counts tokens through both panels in the order in which a prompt holds them. */
  private static void assertImage(
      BufferedImage drawn,
      int left,
      int top,
      ImageView view,
      int scale,
      int gridScale,
      Predicate<Integer> kept) {
    ImageLayout.Tiles tiles = Objects.requireNonNull(view.layout().tiles());
    Image grid = Objects.requireNonNull(view.grid());
    int side = view.layout().side();
    int token = 0;
    for (int row = 0; row < side; row++) {
      for (int column = 0; column < side; column++) {
        assertPatch(drawn, left, top, view.whole(), row, column, scale, kept.test(token++));
      }
    }
    int gridTop = top + view.whole().height() * scale + 30;
    int newlines = left + grid.width() * gridScale + 4;
    int cell = PATCH * gridScale;
    for (int row = 0; row < tiles.rows(); row++) {
      for (int column = 0; column < tiles.columns(); column++) {
        assertPatch(drawn, left, gridTop, grid, row, column, gridScale, kept.test(token++));
      }
      int colour = kept.test(token++) ? Panels.NEWLINE : Overlay.dimmed(Panels.NEWLINE);
      for (int y = 0; y < cell; y++) {
        for (int x = 0; x < 8; x++) {
          int expected = x == 0 || y == 0 ? Canvas.grid(colour) : colour;
          assertPixel(drawn, newlines + x, gridTop + row * cell + y, expected);
        }
        for (int x = 1; x <= 4; x++) {
          assertPixel(drawn, newlines - x, gridTop + row * cell + y, 0xFFFFFF);
        }
      }
    }
    assertThat(token).isEqualTo(view.layout().tokens());
  }

  private static void assertPatch(
      BufferedImage drawn,
      int left,
      int top,
      Image view,
      int row,
      int column,
      int scale,
      boolean stays) {
    int cell = PATCH * scale;
    for (int y = 0; y < cell; y++) {
      for (int x = 0; x < cell; x++) {
        int colour = view.rgb(column * PATCH + x / scale, row * PATCH + y / scale);
        int shown = stays ? colour : Overlay.dimmed(colour);
        int expected = x == 0 || y == 0 ? Canvas.grid(shown) : shown;
        assertPixel(drawn, left + column * cell + x, top + row * cell + y, expected);
      }
    }
  }

  private static void assertPixel(BufferedImage drawn, int x, int y, int expected) {
    if ((drawn.getRGB(x, y) & 0xFFFFFF) != expected) {
      throw new AssertionError(
          "pixel %d, %d is %06x instead of %06x"
              .formatted(x, y, drawn.getRGB(x, y) & 0xFFFFFF, expected));
    }
  }

  private static Stage stage(int firstLayer, List<List<Integer>> kept) {
    return new Stage(firstLayer, kept.stream().mapToInt(List::size).sum(), kept);
  }

  private static List<Integer> all(ImageLayout layout) {
    return IntStream.range(0, layout.tokens()).boxed().toList();
  }

  private static ImageView view(ImageLayout layout, long seed) {
    ImageLayout.Tiles tiles = Objects.requireNonNull(layout.tiles());
    Random random = new Random(seed);
    return new ImageView(
        noise(layout.side(), layout.side(), random),
        noise(tiles.columns(), tiles.rows(), random),
        layout);
  }

  private static Image noise(int columns, int rows, Random random) {
    BufferedImage image = image(columns, rows);
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        image.setRGB(x, y, random.nextInt(1 << 24));
      }
    }
    return Image.of(image);
  }

  private static Image black(int columns, int rows) {
    return Image.of(image(columns, rows));
  }

  private static BufferedImage image(int columns, int rows) {
    return new BufferedImage(columns * PATCH, rows * PATCH, BufferedImage.TYPE_INT_RGB);
  }

  private static String caption(BufferedImage drawn, int left, int bottom) {
    return Ink.below(drawn, left, bottom, 28);
  }

  private static String ink(String text) {
    return Ink.of(text, 28);
  }
}
