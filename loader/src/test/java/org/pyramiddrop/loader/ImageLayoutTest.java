package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Holds the places of image tokens to the reference's; see make_layouts.py. */
class ImageLayoutTest {
  private static final List<Resolution> NEXT =
      List.of(
          new Resolution(336, 672),
          new Resolution(672, 336),
          new Resolution(672, 672),
          new Resolution(1008, 336),
          new Resolution(336, 1008));

  private static ImageLayout layout(AnyResolution grids, Resolution image) {
    return new ImageLayout(grids.tile() / grids.patch(), false, grids.tiles(image));
  }

  /** Of the form height x width. */
  private static Resolution resolution(String text) {
    String[] sides = text.split("x", -1);
    return new Resolution(Integer.parseInt(sides[0]), Integer.parseInt(sides[1]));
  }

  private static long crc(int[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asIntBuffer().put(values);
    CRC32 crc = new CRC32();
    crc.update(bytes);
    return crc.getValue();
  }

  @ParameterizedTest
  @CsvSource({
    "336, 336, 1176",
    "640, 480, 2340",
    "480, 640, 2352",
    "1920, 1080, 1948",
    "1000, 400, 2040",
    "1500, 500, 2328",
    "672, 672, 2928",
  })
  void countsTheTokensOfPublishedCheckpoints(int width, int height, int tokens) {
    AnyResolution grids = new AnyResolution(NEXT, 336, 14, true);
    ImageLayout layout = layout(grids, new Resolution(height, width));
    assertThat(layout.tokens()).isEqualTo(tokens);
  }

  @Test
  void givesThePapersNinePatches() {
    AnyResolution grids = new AnyResolution(List.of(new Resolution(1008, 1008)), 336, 14, true);
    ImageLayout layout = layout(grids, new Resolution(900, 900));
    assertThat(layout.crops()).isEqualTo(1 + 9);
    assertThat(layout.tokens()).isEqualTo(576 + 5184 + 72);
  }

  @Test
  void takesEveryTokenFromWhereTheReferenceDoes() throws IOException {
    AnyResolution grids = new AnyResolution(NEXT, 336, 14, true);
    int images = 0;
    for (String line : Files.readAllLines(Fixtures.resource("/layouts/layouts.txt"))) {
      String[] fields = line.split(" ", -1);
      if (fields[0].equals("grids")) {
        grids =
            new AnyResolution(
                Arrays.stream(fields).skip(3).map(ImageLayoutTest::resolution).toList(),
                Integer.parseInt(fields[1]),
                Integer.parseInt(fields[2]),
                true);
        continue;
      }
      Resolution image = new Resolution(Integer.parseInt(fields[1]), Integer.parseInt(fields[0]));
      Resolution best = grids.best(image);
      assertThat(best).as(line).isEqualTo(resolution(fields[2]));
      assertThat(AnyResolution.fitted(image, best)).as(line).isEqualTo(resolution(fields[3]));
      ImageLayout layout = layout(grids, image);
      assertThat(layout.tokens()).as(line).isEqualTo(Integer.parseInt(fields[4]));
      assertThat(crc(layout.sources())).as(line).isEqualTo(Long.parseLong(fields[5]));
      images++;
    }
    assertThat(images).isEqualTo(4 * 136);
  }

  @Test
  void putsANewlineBehindEveryRowOfTheTiles() {
    // Two tiles beside each other, four patches each; the upper row of patches is padding.
    ImageLayout layout = new ImageLayout(2, false, new ImageLayout.Tiles(1, 2, 1, 0, 1, 4));
    assertThat(layout.crops()).isEqualTo(3);
    assertThat(layout.sources()).containsExactly(0, 1, 2, 3, 6, 7, 10, 11, 12);
  }

  @Test
  void knowsNoTilesOfAModelThatSeesASquare() {
    ImageLayout layout = new ImageLayout(24, true, null);
    assertThat(layout.crops()).isEqualTo(1);
    assertThat(layout.tokens()).isEqualTo(577);
    assertThat(layout.sources()).isEqualTo(IntStream.range(0, 577).toArray());
  }

  @ParameterizedTest
  @CsvSource({"640, 480", "480, 640", "1000, 400", "30, 900", "672, 672", "1500, 500"})
  void everyCropsPatchesAreTheTokensThatComeFromIt(int width, int height) {
    AnyResolution grids = new AnyResolution(NEXT, 336, 14, true);
    ImageLayout layout = layout(grids, new Resolution(height, width));
    int[] sources = layout.sources();
    for (int crop = 0; crop < layout.crops(); crop++) {
      int at = crop;
      int[] expected =
          IntStream.range(0, sources.length)
              .filter(token -> sources[token] / layout.cropTokens() == at)
              .toArray();
      assertThat(layout.patchTokens(crop)).as("crop %d", crop).isEqualTo(expected);
      assertThat(layout.patches(crop)).isEqualTo(expected.length);
    }
  }

  @Test
  void aClassTokenIsNoPatch() {
    ImageLayout layout = new ImageLayout(3, true, null);
    assertThat(layout.patchTokens(0)).containsExactly(1, 2, 3, 4, 5, 6, 7, 8, 9);
  }
}
