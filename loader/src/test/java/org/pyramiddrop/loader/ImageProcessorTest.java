package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Holds preprocessing to what the reference processor made of the same files; see make_pictures.py.
 */
class ImageProcessorTest {
  private static final int SIDE = 56;
  private static final VisionConfig VISION =
      new VisionConfig(64, 128, 2, 4, SIDE, 14, 3, 1e-5f, "quick_gelu");
  private static final String PLAIN =
      "'size':{'shortest_edge':56},'crop_size':{'height':56,'width':56}";

  private static final List<Resolution> PINPOINTS =
      List.of(new Resolution(112, 112), new Resolution(56, 168), new Resolution(168, 56));

  @TempDir Path folder;

  private static LlavaConfig config(List<Resolution> pinpoints) {
    TextConfig text =
        new TextConfig(
            "llama", 64, 128, 2, 4, 4, 16, 100, 512, 1e-5f, 10000, "silu", false, false, false,
            Set.of(2));
    return new LlavaConfig(
        pinpoints.isEmpty() ? "llava" : "llava_next",
        VISION,
        text,
        99,
        List.of(-2),
        false,
        "gelu",
        true,
        false,
        pinpoints);
  }

  private ImageProcessor read(String fields) throws IOException {
    return read(fields, List.of());
  }

  private ImageProcessor read(String fields, List<Resolution> pinpoints) throws IOException {
    Files.writeString(
        folder.resolve("preprocessor_config.json"), ("{" + fields + "}").replace('\'', '"'));
    return ImageProcessor.read(folder, config(pinpoints));
  }

  private static void assertSame(Image made, String reference, int tolerance) {
    Image wanted = Image.read(Fixtures.image(reference + ".reference.png"));
    assertThat(made.width()).isEqualTo(wanted.width());
    assertThat(made.height()).isEqualTo(wanted.height());
    for (int y = 0; y < wanted.height(); y++) {
      for (int x = 0; x < wanted.width(); x++) {
        for (int shift = 0; shift <= 16; shift += 8) {
          int got = made.rgb(x, y) >> shift & 0xFF;
          int want = wanted.rgb(x, y) >> shift & 0xFF;
          assertThat(got).as("%s at %d, %d", reference, x, y).isCloseTo(want, within(tolerance));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rgb.png",
        "exact.png",
        "shrunk.png",
        "enlarged.png",
        "one-pixel.png",
        "very-wide.png",
        "very-tall.png",
        "tall.png",
        "taller.png",
        "animated.webp",
        "grey.png",
        "grey-alpha.png",
        "rgb-alpha.png",
        "palette.png",
        "palette-transparent.png",
        "palette-small.png",
        "one-bit.png",
        "exif-6.png",
        "exif-6.webp",
        "webp-lossless.webp",
        "webp-alpha.webp"
      })
  void makesLosslessImagesExactlyAsTheReference(String name) throws IOException {
    assertSame(read(PLAIN).view(Image.read(Fixtures.image(name))), name, 0);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "jpeg-420.jpg",
        "jpeg-422.jpg",
        "jpeg-444.jpg",
        "jpeg-progressive.jpg",
        "jpeg-grey.jpg",
        "jpeg-rgb-ids.jpg",
        "jpeg-other-ids.jpg",
        "exif-1.jpg",
        "exif-2.jpg",
        "exif-3.jpg",
        "exif-4.jpg",
        "exif-5.jpg",
        "exif-6.jpg",
        "exif-7.jpg",
        "exif-8.jpg"
      })
  void makesLossyImagesAsTheReferenceWithinTwoLevels(String name) throws IOException {
    assertSame(read(PLAIN).view(Image.read(Fixtures.image(name))), name, 2);
  }

  @Test
  void makesMildLossyWebpAsTheReferenceWithinSixLevels() throws IOException {
    // The decoder doesn't smooth between the coarser colour samples, libwebp does; see
    // Image.read.
    assertSame(read(PLAIN).view(Image.read(Fixtures.image("webp.webp"))), "webp.webp", 6);
  }

  @ParameterizedTest
  @CsvSource({"shrunk.png", "enlarged.png"})
  void resamplesBilinearlyWhereAsked(String name) throws IOException {
    ImageProcessor processor = read(PLAIN + ",'resample':2");
    assertSame(processor.view(Image.read(Fixtures.image(name))), name + ".bilinear", 0);
  }

  @Test
  void shrinksTheRowsOfAVeryTallImageFirst() throws IOException {
    ImageProcessor processor =
        read("'size':{'height':56,'width':56},'crop_size':{'height':56,'width':56}");
    assertSame(processor.view(Image.read(Fixtures.image("tall.png"))), "tall.png.square", 0);
  }

  @Test
  void resizesTheLongestImages() throws IOException {
    ImageProcessor processor =
        read("'size':{'height':56,'width':56},'crop_size':{'height':56,'width':56}");
    int length = 4_000_000;
    int[] grey = new int[length];
    Arrays.fill(grey, 0x777777);
    for (Image line : List.of(new Image(length, 1, grey), new Image(1, length, grey))) {
      assertThat(processor.view(line).packed()).containsOnly(0x777777);
    }
  }

  @Test
  void refusesAnImageThatIsTooLongForItsShorterSide() throws IOException {
    ImageProcessor processor = read(PLAIN);
    Image line = new Image(1, 40_000_000, new int[40_000_000]);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> processor.view(line))
        .withMessageContaining("1×40000000 pixels is too long");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> processor.layout(line))
        .withMessageContaining("1×40000000 pixels is too long");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "'rescale_factor':1e39 | rescale_factor",
        "'image_std':[1e-60,1,1] | image_std",
        "'image_std':[1e-39,1,1] | image_std",
        "'image_mean':[1e300,0,0] | image_mean"
      })
  void refusesColoursThatNoFloatCanBe(String fields, String key) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> read(PLAIN + "," + fields))
        .withMessageContaining(key);
  }

  @ParameterizedTest
  @CsvSource({"square,56,56", "small,31,40", "odd,77,33"})
  void resizesToAnExactSizeThenCutsOrPads(String name, int height, int width) throws IOException {
    ImageProcessor processor =
        read("'size':{'height':%d,'width':%d},'crop_size':56".formatted(height, width));
    assertSame(processor.view(Image.read(Fixtures.image("rgb.png"))), "rgb.png." + name, 0);
  }

  @Test
  void resizesToAnExactSizeWithoutCutting() throws IOException {
    ImageProcessor processor = read("'size':{'height':56,'width':56},'do_center_crop':false");
    assertSame(processor.view(Image.read(Fixtures.image("rgb.png"))), "rgb.png.square", 0);
  }

  @Test
  void normalisesAsTheReference() throws IOException {
    Pixels pixels = read(PLAIN).process(Image.read(Fixtures.image("rgb.png"))).getFirst();
    assertThat(pixels.channels()).isEqualTo(3);
    assertThat(pixels.height()).isEqualTo(SIDE);
    assertThat(pixels.width()).isEqualTo(SIDE);
    List<String> lines = Files.readAllLines(Fixtures.image("normalised.txt"));
    assertThat(lines).hasSize(147);
    for (String line : lines) {
      String[] fields = line.split(" ", -1);
      int channel = Integer.parseInt(fields[0]);
      int y = Integer.parseInt(fields[1]);
      int x = Integer.parseInt(fields[2]);
      assertThat(pixels.values()[(channel * SIDE + y) * SIDE + x])
          .as(line)
          .isCloseTo(Float.parseFloat(fields[3]), within(1e-6f));
    }
  }

  @Test
  void scalesAndNormalisesOnlyWhereAsked() throws IOException {
    Image image = Image.read(Fixtures.image("exact.png"));
    int red = image.rgb(3, 2) >> 16;
    int at = 2 * SIDE + 3;
    assertThat(read(PLAIN + ",'do_normalize':false").process(image).getFirst().values()[at])
        .isEqualTo((float) (red / 255.0));
    assertThat(
            read(PLAIN + ",'do_normalize':false,'do_rescale':false")
                .process(image)
                .getFirst()
                .values()[at])
        .isEqualTo(red);
    assertThat(
            read(PLAIN + ",'rescale_factor':0.5,'image_mean':[1,2,3],'image_std':[4,5,6]")
                .process(image)
                .getFirst()
                .values()[at])
        .isEqualTo((red * 0.5f - 1) / 4);
  }

  @Test
  void leavesTheSizeAloneWhereAsked() throws IOException {
    Image image = Image.read(Fixtures.image("exact.png"));
    assertSame(read(PLAIN + ",'do_resize':false").view(image), "exact.png", 0);
  }

  @Test
  void readsTheOlderSpelling() throws IOException {
    ImageProcessor processor =
        read(
            "'feature_extractor_type':'CLIPFeatureExtractor','size':56,'crop_size':56,'resample':3");
    assertSame(processor.view(Image.read(Fixtures.image("rgb.png"))), "rgb.png", 0);
  }

  @Test
  void prefersTheSettingsInsideTheProcessorConfig() throws IOException {
    Files.writeString(folder.resolve("preprocessor_config.json"), "{\"size\":10,\"crop_size\":10}");
    Files.writeString(
        folder.resolve("processor_config.json"),
        ("{'image_processor':{'image_processor_type':'CLIPImageProcessorFast'," + PLAIN + "}}")
            .replace('\'', '"'));
    Image view =
        ImageProcessor.read(folder, config(List.of())).view(Image.read(Fixtures.image("rgb.png")));
    assertSame(view, "rgb.png", 0);
  }

  @Test
  void passesOverAProcessorConfigWithoutImageSettings() throws IOException {
    Files.writeString(folder.resolve("processor_config.json"), "{\"patch_size\":14}");
    assertSame(read(PLAIN).view(Image.read(Fixtures.image("rgb.png"))), "rgb.png", 0);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "'image_processor_type':'LlavaNextImageProcessor' | image_processor_type | isn't supported",
        "'image_processor_type':'SiglipImageProcessor' | image_processor_type | isn't supported",
        "'resample':1 | resample = 1 | 2 (bilinear), 3 (bicubic)",
        "'resample':0 | resample = 0 | isn't supported",
        "'do_pad':true | do_pad | isn't supported",
        "'size':{'longest_edge':56} | size | shortest_edge alone",
        "'size':{'shortest_edge':56,'longest_edge':90} | size | shortest_edge alone",
        "'size':{'height':56} | size | height and width",
        "'size':-1 | size = -1 | positive",
        "'crop_size':{'height':56,'width':55} | crop_size | makes 56×55 images, the vision tower"
            + " takes 56×56",
        "'crop_size':224 | crop_size | 224×224",
        "'crop_size':{} | crop_size.height | positive",
        "'do_center_crop':false | do_center_crop | height and width",
        "'do_center_crop':false,'size':{'height':40,'width':56} | size | makes 40×56",
        "'image_mean':[0.5,0.5] | image_mean | 3 numbers",
        "'image_std':[1,1,0] | image_std | positive",
        "'image_std':['a',1,1] | image_std | number",
        "'rescale_factor':0 | rescale_factor | positive",
      })
  void refusesSettingsItCannotFollow(String fields, String key, String rule) {
    String others = fields.contains("crop_size") ? "" : ",'crop_size':56";
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> read(fields + others))
        .withMessageStartingWith(folder.resolve("preprocessor_config.json") + ": ")
        .withMessageContaining(key)
        .withMessageContaining(rule);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        PLAIN + ",'image_processor_type':'LlavaNextImageProcessor','do_pad':true",
        "'size':{'height':56,'width':56},'crop_size':56",
        "'size':56,'do_center_crop':false,'image_grid_pinpoints':[[112,112],[56,168],[168,56]]",
      })
  void cutsImagesIntoTilesAsTheReference(String fields) throws IOException {
    ImageProcessor processor = read(fields + ",'do_rescale':false,'do_normalize':false", PINPOINTS);
    List<Pixels> crops = processor.process(Image.read(Fixtures.image("rgb.png")));
    Image wanted = Image.read(Fixtures.resource("/layouts/tiles.png"));
    assertThat(wanted.height()).isEqualTo(crops.size() * SIDE);
    for (int y = 0; y < wanted.height(); y++) {
      for (int x = 0; x < SIDE; x++) {
        float[] got = crops.get(y / SIDE).values();
        for (int channel = 0; channel < 3; channel++) {
          assertThat(got[(channel * SIDE + y % SIDE) * SIDE + x])
              .as("channel %d at %d, %d", channel, x, y)
              .isEqualTo(wanted.rgb(x, y) >> (16 - 8 * channel) & 0xFF);
        }
      }
    }
  }

  @Test
  void laysAnImageOutAsItIsCut() throws IOException {
    Image image = Image.read(Fixtures.image("rgb.png"));
    assertThat(read(PLAIN).layout(image)).isEqualTo(new ImageLayout(4, false, null));
    // 97×61 in 112×112 is 112×71 pixels, so five of eight rows of patches, and one beside them.
    ImageLayout layout = read(PLAIN, PINPOINTS).layout(image);
    assertThat(layout)
        .isEqualTo(new ImageLayout(4, false, new ImageLayout.Tiles(2, 2, 1, 0, 6, 8)));
    assertThat(layout.crops()).isEqualTo(5);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "'image_processor_type':'CLIPImageProcessor' | image_processor_type |"
            + " LlavaNextImageProcessor",
        "'image_grid_pinpoints':[[112,112]] | image_grid_pinpoints | differs from config.json's",
        "'image_grid_pinpoints':[[112,112],[168,56],[56,168]] | image_grid_pinpoints | differs",
        "'image_grid_pinpoints':[] | image_grid_pinpoints | differs",
        "'image_grid_pinpoints':'(1x1),...,(6x6)' | image_grid_pinpoints | must be a list of pairs",
        "'image_grid_pinpoints':[[112]] | image_grid_pinpoints | pairs of positive integers",
        "'image_grid_pinpoints':[112,112] | image_grid_pinpoints | pairs of positive integers",
        "'do_resize':false | size | 56×56",
        "'size':224 | size | 56×56",
        "'size':{'height':56,'width':57} | size | 56×56",
        "'crop_size':28 | crop_size | 56×56",
        "'crop_size':{'height':56,'width':28} | crop_size | 56×56",
      })
  void refusesTilesThatTheTowerDoesNotTake(String fields, String key, String rule) {
    String others =
        (fields.contains("'size'") ? "" : ",'size':56")
            + (fields.contains("crop_size") ? "" : ",'crop_size':56");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> read(fields + others, PINPOINTS))
        .withMessageStartingWith(folder.resolve("preprocessor_config.json") + ": ")
        .withMessageContaining(key)
        .withMessageContaining(rule);
  }

  @Test
  void saysWhenThereAreNoSettings() {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> ImageProcessor.read(folder, config(List.of())))
        .withMessage(folder.resolve("preprocessor_config.json") + ": no such file");
  }
}
