package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.pyramiddrop.transformer.Fixture.assertClose;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.ImageLayout;
import org.pyramiddrop.loader.ImageProcessor;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Pixels;
import org.pyramiddrop.transformer.engine.Prompt;
import org.pyramiddrop.transformer.pruning.PruningPlan;
import tools.jackson.databind.JsonNode;

/** Checkpoints in the layout of the original LLaVA repository, from image files to answers. */
final class OriginalCheckpointTest {
  private static final List<String> NAMES =
      List.of("original-pad", "original-square", "original-anyres");
  private static final double TOLERANCE = 1e-4;

  /** A model that is open and what its answers must be. */
  private record Loaded(Fixture fixture, Llava model) implements AutoCloseable {
    static Loaded of(String name) {
      Fixture fixture = new Fixture(name);
      try {
        return new Loaded(fixture, Llava.load(fixture.folder(), options(fixture)));
      } catch (RuntimeException | Error e) {
        fixture.close();
        throw e;
      }
    }

    @Override
    public void close() {
      model.close();
      fixture.close();
    }
  }

  private static Path clip(Fixture fixture) {
    return fixture.folder().resolveSibling("original-clip");
  }

  private static LoadOptions options(Fixture fixture) {
    return TestDevice.options().withVisionTower(clip(fixture));
  }

  static List<String> names() {
    return NAMES;
  }

  static Stream<Arguments> prompts() {
    return NAMES.stream()
        .flatMap(
            name -> Stream.of("oneImage", "textOnly", "twoImages").map(p -> Arguments.of(name, p)));
  }

  static Stream<Arguments> cases() {
    return NAMES.stream()
        .flatMap(name ->
            Stream.of("pyramid", "twoImages-nextStage-keep").map(c -> Arguments.of(name, c)));
  }

  @ParameterizedTest
  @MethodSource("names")
  void processesImagesAsTheOriginalDoes(String name) {
    try (Fixture fixture = new Fixture(name)) {
      LlavaConfig config = LlavaConfig.read(fixture.folder(), clip(fixture));
      ImageProcessor processor = ImageProcessor.read(clip(fixture), config);
      for (String image : fixture.images()) {
        List<Pixels> crops = processor.process(Image.read(fixture.image(image)));
        float[] expected = fixture.floats("pixels", image);
        int size = crops.getFirst().values().length;
        assertThat(crops).hasSize(expected.length / size);
        for (int i = 0; i < crops.size(); i++) {
          assertClose(
              image + ", crop " + i,
              crops.get(i).values(),
              Arrays.copyOfRange(expected, i * size, (i + 1) * size),
              1e-6);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("prompts")
  void unprunedLogitsAndTokensAreTheReferences(String name, String prompt) {
    try (Loaded loaded = Loaded.of(name)) {
      JsonNode expected = loaded.fixture.json().get("prompts").get(prompt);
      Answer answer = check(loaded, prompt, prompt, PruningPlan.none(), expected);
      assertThat(answer.promptTokens()).isEqualTo(expected.get("inputIds").size());
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void prunedChoicesLogitsAndTokensAreTheReferences(String name, String pruned) {
    try (Loaded loaded = Loaded.of(name)) {
      JsonNode expected = loaded.fixture.pruned(pruned);
      String prompt = expected.get("prompt").asString();
      Answer answer = check(loaded, pruned, prompt, loaded.fixture.plan(pruned), expected);
      int drop = 0;
      for (JsonNode d : expected.get("drops")) {
        List<List<Integer>> kept =
            d.get("kept")
                .valueStream()
                .map(image -> image.valueStream().map(JsonNode::asInt).toList())
                .toList();
        assertThat(answer.stages().get(++drop).kept()).as("kept at drop %d", drop).isEqualTo(kept);
      }
      assertThat(answer.stages()).hasSize(drop + 1);
    }
  }

  @Test
  void aTowerInsideWinsOverTheFoldersWhichThenNeedsNoWeights(@TempDir Path folder)
      throws IOException {
    try (Fixture fixture = new Fixture("original-anyres")) {
      copyWithoutWeights(clip(fixture), folder);
      LoadOptions options = TestDevice.options().withVisionTower(folder);
      try (Llava model = Llava.load(fixture.folder(), options)) {
        check(
            new Loaded(fixture, model),
            "oneImage",
            "oneImage",
            PruningPlan.none(),
            fixture.json().get("prompts").get("oneImage"));
      }
    }
  }

  @Test
  void needsTheWeightsOfATowerThatIsNotInside(@TempDir Path folder) throws IOException {
    try (Fixture fixture = new Fixture("original-pad")) {
      copyWithoutWeights(clip(fixture), folder);
      LoadOptions options = TestDevice.options().withVisionTower(folder);
      assertThatThrownBy(() -> Llava.load(fixture.folder(), options))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(folder + ": has neither model.safetensors nor");
    }
  }

  @Test
  void asksForTheTowerThatIsNotInsideEvenIfItsShapeIsKnown(@TempDir Path folder)
      throws IOException {
    try (Fixture fixture = new Fixture("original-pad")) {
      copyWithoutWeights(fixture.folder(), folder);
      Files.copy(
          fixture.folder().resolve("model.safetensors"), folder.resolve("model.safetensors"));
      Path config = folder.resolve("config.json");
      Files.writeString(
          config,
          Files.readString(config)
              .replace("tiny-clip", "openai/clip-vit-large-patch14-336")
              .replace("\"mm_hidden_size\": 16", "\"mm_hidden_size\": 1024"));
      assertThatThrownBy(() -> Llava.load(folder, TestDevice.options()))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith(folder + " needs the vision tower that its mm_vision_tower names")
          .hasMessageContainingAll("'openai/clip-vit-large-patch14-336'", "--vision-tower");
    }
  }

  @Test
  void asksForARawPromptWithAPlaceForEachImage() {
    try (Loaded loaded = Loaded.of("original-pad")) {
      Image image = Image.read(loaded.fixture.image("wide"));
      assertThatThrownBy(() -> loaded.model.ask(Question.of("what is it ?", List.of(image))))
          .isInstanceOf(ChatTemplateException.class)
          .hasMessageContainingAll("has no chat template", "raw prompt");
      assertThatThrownBy(() -> loaded.model.ask(new Question("USER: what ?", List.of(image), true)))
          .hasMessage("the prompt has 0 <image> places for 1 image");
      assertThatThrownBy(() -> loaded.model.ask(new Question("<image> what", List.of(), true)))
          .hasMessage("the prompt has 1 <image> place for 0 images");
    }
  }

  @Test
  void anImageIsNoTokenThatCouldBeLookedUp() {
    ImageLayout layout = new ImageLayout(2, false, null);
    Prompt prompt = Prompt.of(new int[] {1, -200, 7}, -200, List.of(layout));
    assertThat(prompt.ids()).containsExactly(1, 0, 0, 0, 0, 7);
    assertThat(prompt.images()).containsExactly(new Prompt.Span(1, 4));
  }

  private static void copyWithoutWeights(Path from, Path to) throws IOException {
    try (Stream<Path> files = Files.list(from)) {
      for (Path file : files.filter(f -> f.toString().endsWith(".json")).toList()) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
  }

  private static Answer check(
      Loaded loaded, String tensors, String prompt, PruningPlan plan, JsonNode expected) {
    float[] reference = loaded.fixture.floats(tensors + ".logits");
    List<Integer> tokens = loaded.fixture.tokens(expected);
    Options options =
        Options.defaults()
            .withPruning(plan)
            .withMaxTokens(tokens.size())
            .withTopLogits(reference.length);
    Answer answer = loaded.model.ask(loaded.fixture.question(prompt), options);
    float[] logits = new float[reference.length];
    answer.logits().forEach(logit -> logits[logit.id()] = logit.value());
    assertClose("logits", logits, reference, TOLERANCE);
    assertThat(answer.tokenIds()).isEqualTo(tokens);
    assertThat(answer.text()).isEqualTo(expected.get("answer").asString());
    return answer;
  }
}
