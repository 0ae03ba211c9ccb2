package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Holds what is to look at to what goes through the vision tower. */
class ImageViewTest {
  private static final int PATCH = 7;

  @TempDir private Path folder;

  /** In towers of 30 pixels, two at the right and below are in no patch. */
  @ParameterizedTest
  @CsvSource({
    "28, 28, 28",
    "28, 50, 31",
    "28, 20, 90",
    "28, 200, 27",
    "30, 30, 30",
    "30, 61, 47",
    "30, 33, 100",
  })
  void everyTokenOfAPatchLooksAtThePixelsItsPatchHas(int side, int width, int height)
      throws IOException {
    ImageProcessor processor = processor(side, true);
    Image image = noise(width, height);
    List<Pixels> crops = processor.process(image);
    ImageView view = processor.views(image);
    ImageLayout layout = view.layout();
    int[] sources = layout.sources();
    assertThat(layout).isEqualTo(processor.layout(image));
    assertThat(layout.side()).isEqualTo(4);

    for (int row = 0; row < 4; row++) {
      for (int column = 0; column < 4; column++) {
        int source = sources[layout.whole(row, column)];
        assertSame(view.whole(), row, column, crops, source, layout);
      }
    }
    ImageLayout.Tiles tiles = Objects.requireNonNull(layout.tiles());
    Image grid = Objects.requireNonNull(view.grid());
    assertThat(grid.width()).isEqualTo(tiles.columns() * PATCH);
    assertThat(grid.height()).isEqualTo(tiles.rows() * PATCH);
    for (int row = 0; row < tiles.rows(); row++) {
      for (int column = 0; column < tiles.columns(); column++) {
        int source = sources[layout.grid(row, column)];
        assertSame(grid, row, column, crops, source, layout);
      }
      assertThat(sources[layout.grid(row, tiles.columns())])
          .as("the newline behind row %d", row)
          .isEqualTo(layout.crops() * layout.cropTokens());
    }
    assertThat(layout.grid(tiles.rows() - 1, tiles.columns())).isEqualTo(layout.tokens() - 1);
  }

  /** That a patch of a view has the pixels of the patch that a token comes from. */
  private static void assertSame(
      Image view, int row, int column, List<Pixels> crops, int source, ImageLayout layout) {
    Pixels crop = crops.get(source / layout.cropTokens());
    int patch = source % layout.cropTokens();
    int area = crop.height() * crop.width();
    for (int i = 0; i < PATCH * PATCH; i++) {
      int x = patch % layout.side() * PATCH + i % PATCH;
      int y = patch / layout.side() * PATCH + i / PATCH;
      int at = y * crop.width() + x;
      int red = (int) crop.values()[at];
      int green = (int) crop.values()[area + at];
      int blue = (int) crop.values()[2 * area + at];
      assertThat(view.rgb(column * PATCH + i % PATCH, row * PATCH + i / PATCH))
          .as("patch %d, %d", row, column)
          .isEqualTo(red << 16 | green << 8 | blue);
    }
  }

  @Test
  void aModelWithoutTilesSeesOneViewOnly() throws IOException {
    ImageProcessor processor = processor(28, false);
    ImageView view = processor.views(noise(50, 31));

    assertThat(view.grid()).isNull();
    assertThat(view.layout()).isEqualTo(new ImageLayout(4, false, null));
    assertThatThrownBy(() -> view.layout().grid(0, 0)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aClassTokenComesBeforeThePatches() {
    ImageLayout layout = new ImageLayout(4, true, null);

    assertThat(layout.whole(0, 0)).isEqualTo(1);
    assertThat(layout.whole(3, 3)).isEqualTo(layout.tokens() - 1);
  }

  @Test
  void refusesAGridWithoutItsLayout() {
    ImageLayout plain = new ImageLayout(4, false, null);
    ImageLayout tiled = new ImageLayout(4, false, new ImageLayout.Tiles(1, 1, 0, 0, 4, 4));
    Image square = noise(28, 28);

    assertThatThrownBy(() -> new ImageView(square, square, plain))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new ImageView(square, null, tiled))
        .isInstanceOf(IllegalArgumentException.class);
  }

  /** Its pixels are the images' samples, neither scaled nor normalised. */
  private ImageProcessor processor(int side, boolean tiles) throws IOException {
    Files.writeString(
        folder.resolve("preprocessor_config.json"),
        """
        {"size": {"shortest_edge": %d}, "crop_size": %d, "do_rescale": false, "do_normalize": false}
        """
            .formatted(side, side));
    List<Resolution> pinpoints =
        tiles
            ? List.of(
                new Resolution(side, 2 * side),
                new Resolution(2 * side, side),
                new Resolution(2 * side, 2 * side),
                new Resolution(3 * side, side))
            : List.of();
    TextConfig text =
        new TextConfig(
            "llama", 64, 128, 2, 4, 4, 16, 100, 512, 1e-5f, 10000, "silu", false, false, false,
            Set.of(2));
    LlavaConfig config =
        new LlavaConfig(
            tiles ? "llava_next" : "llava",
            new VisionConfig(64, 128, 2, 4, side, PATCH, 3, 1e-5f, "quick_gelu"),
            text,
            99,
            List.of(-2),
            false,
            "gelu",
            true,
            false,
            pinpoints);
    return ImageProcessor.read(folder, config);
  }

  private static Image noise(int width, int height) {
    Random random = new Random(31L * width + height);
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < width * height; i++) {
      image.setRGB(i % width, i / width, random.nextInt(1 << 24));
    }
    return Image.of(image);
  }
}
