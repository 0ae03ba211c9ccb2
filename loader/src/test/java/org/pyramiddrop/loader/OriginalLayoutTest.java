package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Configurations and images in the layout of the original LLaVA repository. */
class OriginalLayoutTest {
  private static final String LLAVA_15 =
      """
      {'architectures': ['LlavaLlamaForCausalLM'], 'bos_token_id': 1, 'eos_token_id': 2,
       'freeze_mm_mlp_adapter': false, 'hidden_act': 'silu', 'hidden_size': 4096, 'image_aspect_ratio': 'pad',
       'intermediate_size': 11008, 'max_position_embeddings': 4096, 'mm_hidden_size': 1024,
       'mm_projector_type': 'mlp2x_gelu', 'mm_use_im_patch_token': false, 'mm_use_im_start_end': false,
       'mm_vision_select_feature': 'patch', 'mm_vision_select_layer': -2,
       'mm_vision_tower': 'openai/clip-vit-large-patch14-336', 'model_type': 'llava', 'num_attention_heads': 32,
       'num_hidden_layers': 32, 'num_key_value_heads': 32, 'rms_norm_eps': 1e-05, 'rope_scaling': null,
       'tie_word_embeddings': false, 'use_mm_proj': true, 'vocab_size': 32000}
      """;
  private static final String TILES =
      "'image_aspect_ratio':'anyres','mm_patch_merge_type':'spatial_unpad'";
  private static final String SMALL_TOWER =
      "'hidden_size':64,'intermediate_size':128,'num_hidden_layers':3,'num_attention_heads':4,"
          + "'image_size':28,'patch_size':7,'hidden_act':'gelu'";
  private static final String SMALL = "'mm_vision_tower':'small','mm_hidden_size':64";

  @TempDir Path folder;
  @TempDir Path tower;

  private static ObjectNode json(String text) {
    return (ObjectNode) new JsonMapper().readTree(text.replace('\'', '"'));
  }

  /** LLaVA-1.5's configuration with other values in some fields. */
  private LlavaConfig read(String changes, @Nullable Path towerFolder) throws IOException {
    ObjectNode config = json(LLAVA_15).setAll(json("{" + changes + "}"));
    Files.writeString(folder.resolve("config.json"), config.toString());
    return LlavaConfig.read(folder, towerFolder);
  }

  private LlavaConfig readWithSmallTower(String changes) throws IOException {
    Files.writeString(tower.resolve("config.json"), json("{" + SMALL_TOWER + "}").toString());
    return read(changes.isEmpty() ? SMALL : SMALL + "," + changes, tower);
  }

  private ImageProcessor processor(String changes, String settings) throws IOException {
    Files.writeString(
        tower.resolve("preprocessor_config.json"),
        json("{'size':28,'crop_size':28" + settings + "}").toString());
    return ImageProcessor.read(tower, readWithSmallTower(changes));
  }

  private void assertRefused(String changes, String... said) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> read(changes, null))
        .satisfies(e ->
            assertThat(e)
                .hasMessageStartingWith(folder.resolve("config.json") + ": ")
                .hasMessageContainingAll(said))
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @Test
  void readsLlava15() throws IOException {
    LlavaConfig config = read("", null);
    assertThat(config.modelType()).isEqualTo("llava");
    assertThat(config.vision())
        .isEqualTo(new VisionConfig(1024, 4096, 24, 16, 336, 14, 3, 1e-5f, "quick_gelu"));
    assertThat(config.text())
        .isEqualTo(
            new TextConfig(
                "llama", 4096, 11008, 32, 32, 32, 128, 32000, 4096, 1e-5f, 10000.0, "silu", false,
                false, false, Set.of(2)));
    assertThat(config.imageTokenId()).isNegative();
    assertThat(config.visionFeatureLayers()).containsExactly(-2);
    assertThat(config.keepsClassToken()).isFalse();
    assertThat(config.projectorBias()).isTrue();
    assertThat(config.anyResolution()).isFalse();
    assertThat(config.original())
        .isEqualTo(new OriginalLayout("openai/clip-vit-large-patch14-336", true));
  }

  @Test
  void readsLlava16OnMistralWhoseResolutionsNameTheWidthFirst() throws IOException {
    LlavaConfig config =
        read(
            TILES
                + ",'model_type':'llava_mistral','num_key_value_heads':8,'rope_theta':1e6,"
                + "'sliding_window':null,'image_grid_pinpoints':[[336,672],[672,336],[1008,336]]",
            null);
    assertThat(config.text().modelType()).isEqualTo("mistral");
    assertThat(config.text().keyValueHeads()).isEqualTo(8);
    assertThat(config.text().ropeTheta()).isEqualTo(1e6);
    assertThat(config.pinpoints())
        .containsExactly(
            new Resolution(672, 336), new Resolution(336, 672), new Resolution(336, 1008));
    assertThat(config.original())
        .isEqualTo(new OriginalLayout("openai/clip-vit-large-patch14-336", false));
  }

  @Test
  void readsWhatIsLeftOutAsTheOriginalDoes() throws IOException {
    LlavaConfig config = read("'image_aspect_ratio':null,'mm_vision_select_feature':null", null);
    assertThat(config.original())
        .isEqualTo(new OriginalLayout("openai/clip-vit-large-patch14-336", false));
    assertThat(config.keepsClassToken()).isFalse();
    assertThat(read("'mm_vision_select_feature':'cls_patch'", null).keepsClassToken()).isTrue();
    assertThat(read("'model_type':'llava_llama'", null).modelType()).isEqualTo("llava_llama");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'model_type':'clip','vision_config':{%s},'text_config':{'hidden_size':8}}",
        "{'model_type':'clip_vision_model',%s}"
      })
  void takesTheVisionTowersShapeFromItsFolder(String clip) throws IOException {
    Files.writeString(tower.resolve("config.json"), json(clip.formatted(SMALL_TOWER)).toString());
    assertThat(read(SMALL, tower).vision())
        .isEqualTo(new VisionConfig(64, 128, 3, 4, 28, 7, 3, 1e-5f, "gelu"));
  }

  @Test
  void knowsTheTowersOfPublishedCheckpointsByName() throws IOException {
    LlavaConfig config = read("'mm_vision_tower':'openai/clip-vit-large-patch14'", null);
    assertThat(config.vision().imageSize()).isEqualTo(224);
    ImageProcessor processor = ImageProcessor.read(folder, read("", null));
    Image image = Image.read(Fixtures.image("rgb.png"));
    assertThat(processor.layout(image).tokens()).isEqualTo(576);
    assertThat(processor.process(image).getFirst().width()).isEqualTo(336);
  }

  @Test
  void asksForTheFolderOfATowerItDoesNotKnow() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> read(SMALL, null))
        .withMessage(
            folder
                + " needs the vision tower that its mm_vision_tower names, 'small': give the folder"
                + " with that CLIP model (--vision-tower DIR, LoadOptions.withVisionTower)");
  }

  @Test
  void takesNoTowerForAModelThatHasOne() throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"model_type\":\"llava\"}");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> LlavaConfig.read(folder, tower))
        .withMessageStartingWith(folder + " has a vision tower of its own");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      textBlock =
          """
          'model_type':'llava_mpt'; model_type = "llava_mpt"; llava_mistral
          'mm_projector_type':'linear'; mm_projector_type = "linear"; mlp2x_gelu
          'mm_projector_type':null; mm_projector_type; mlp2x_gelu
          'mm_use_im_start_end':true; mm_use_im_start_end = true; tokens around each image
          'mm_use_im_patch_token':true; mm_use_im_patch_token = true; a token to the vocabulary
          's2':true; s2 = true; at several scales
          'mm_hidden_size':768; mm_hidden_size = 768; hidden_size = 1024
          'mm_vision_select_layer':-26; mm_vision_select_layer = -26; 25 hidden states
          'mm_vision_select_layer':null; mm_vision_select_layer; 25 hidden states
          'mm_vision_select_layer':[-2,-3]; mm_vision_select_layer = [-2, -3]; one layer
          'mm_vision_select_feature':'cls'; mm_vision_select_feature = "cls"; patch, cls_patch
          'mm_vision_tower':3; mm_vision_tower = 3; string
          'image_aspect_ratio':'anyres_max_9'; "anyres_max_9"; square, pad, anyres
          'mm_patch_merge_type':'spatial_unpad'; mm_patch_merge_type = "spatial_unpad"; flat
          'image_aspect_ratio':'anyres'; mm_patch_merge_type; spatial_unpad
          """)
  void refusesByName(String changes, String field, String rule) {
    assertRefused(changes, field, rule);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      textBlock =
          """
          'mm_patch_merge_type':'spatial','image_grid_pinpoints':[[336,672]]; "spatial"; spatial_unpad
          'mm_vision_select_feature':'cls_patch','image_grid_pinpoints':[[336,672]]; cls_patch; tiles
          'image_grid_pinpoints':null; image_grid_pinpoints; multiples
          'image_grid_pinpoints':[[336,500]]; image_grid_pinpoints; multiples of image_size = 336
          'image_grid_pinpoints':'(1x1),...,(6x6)'; image_grid_pinpoints; width before height
          """)
  void refusesTilesItCanNotMake(String changes, String field, String rule) throws IOException {
    String merge =
        changes.contains("mm_patch_merge_type") ? "'image_aspect_ratio':'anyres'" : TILES;
    assertRefused(merge + "," + changes, field, rule);
  }

  @Test
  void padsImagesToSquaresOfTheMeanColour() throws IOException {
    ImageProcessor processor = processor("", "");
    int mean = 0x7A7468;
    Image wide = processor.view(white(28, 13));
    assertThat(wide.height()).isEqualTo(28);
    assertThat(wide.rgb(0, 6)).isEqualTo(mean);
    assertThat(wide.rgb(27, 7)).isEqualTo(0xFFFFFF);
    assertThat(wide.rgb(27, 19)).isEqualTo(0xFFFFFF);
    assertThat(wide.rgb(0, 20)).isEqualTo(mean);
    Image upright = processor.view(white(14, 28));
    assertThat(upright.rgb(6, 0)).isEqualTo(mean);
    assertThat(upright.rgb(7, 27)).isEqualTo(0xFFFFFF);
    assertThat(upright.rgb(21, 0)).isEqualTo(mean);
    assertThat(processor.view(white(28, 28)).rgb(0, 0)).isEqualTo(0xFFFFFF);
  }

  @Test
  void cutsTheMiddleOutOfImagesItDoesNotPad() throws IOException {
    Image view = processor("'image_aspect_ratio':'square'", "").view(white(28, 13));
    assertThat(view.width()).isEqualTo(28);
    assertThat(view.rgb(0, 0)).isEqualTo(0xFFFFFF);
  }

  @Test
  void refusesAnImageWhoseSquareIsTooLarge() throws IOException {
    ImageProcessor processor = processor("", "");
    Image strip = white(20_000, 1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> processor.view(strip))
        .withMessageStartingWith("an image of 20000×1 pixels is too long");
  }

  @Test
  void resizesTilesByPillowsDefaultWhateverTheProcessorsFilter() throws IOException {
    String tiles = TILES + ",'image_grid_pinpoints':[[56,28],[28,56]]";
    Image image = Image.read(Fixtures.image("rgb.png"));
    List<Pixels> expected = processor(tiles, "").process(image);
    List<Pixels> actual = processor(tiles, ",'resample':2").process(image);
    assertThat(expected).hasSize(3);
    for (int i = 0; i < 3; i++) {
      assertThat(actual.get(i).values()).isEqualTo(expected.get(i).values());
    }
  }

  @Test
  void cutsPaddingOffWithoutRoundingFirst() {
    // 47 · (12 / 188) is three, in double a little less.
    Resolution image = new Resolution(47, 188);
    List<Resolution> grid = List.of(new Resolution(28, 84));
    assertThat(new AnyResolution(grid, 28, 7, false).tiles(image).rows()).isEqualTo(2);
    assertThat(new AnyResolution(grid, 28, 7, true).tiles(image).rows()).isEqualTo(4);
  }

  @Test
  void needsThePreprocessingOfATowerItDoesNotKnow() throws IOException {
    LlavaConfig config = readWithSmallTower("");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> ImageProcessor.read(tower, config))
        .withMessage(tower.resolve("preprocessor_config.json") + ": no such file");
  }

  private static Image white(int width, int height) {
    BufferedImage image = new BufferedImage(width, height, BufferedImage.TYPE_INT_RGB);
    for (int x = 0; x < width; x++) {
      for (int y = 0; y < height; y++) {
        image.setRGB(x, y, 0xFFFFFF);
      }
    }
    return Image.of(image);
  }
}
