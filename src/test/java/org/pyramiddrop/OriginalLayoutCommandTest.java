package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command line over checkpoints in the layout of the original LLaVA repository. */
class OriginalLayoutCommandTest {
  private static final Path FIXTURES = fixtures();
  private static final String PAD = FIXTURES.resolve("original-pad").toString();
  private static final String ANYRES = FIXTURES.resolve("original-anyres").toString();
  private static final String CLIP = FIXTURES.resolve("original-clip").toString();

  private static Path fixtures() {
    try {
      return Path.of(
          Objects.requireNonNull(OriginalLayoutCommandTest.class.getResource("/fixtures")).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static CommandRun run(String... args) {
    return CommandRun.of(List.of(), Stream.of(args));
  }

  private static void assertBadUse(CommandRun run, String... said) {
    assertThat(run.err().lines()).singleElement().asString().contains(said);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"original-pad", "original-square", "original-anyres"})
  void answersWithTheTokensOfTheReference(String name) {
    JsonNode reference =
        JsonMapper.shared().readTree(FIXTURES.resolve(name).resolve("reference.json").toFile());
    JsonNode prompt = reference.get("prompts").get("oneImage");
    JsonNode expected = reference.get("cases").get("pyramid");
    String image = prompt.get("pictures").get(0).asString() + ".png";

    CommandRun run =
        run(
            "generate",
            "--model",
            FIXTURES.resolve(name).toString(),
            "--vision-tower",
            CLIP,
            "--image",
            FIXTURES.resolve("pictures").resolve(image).toString(),
            "--raw-prompt",
            prompt.get("rendered").asString(),
            "--max-tokens",
            "12",
            "--dtype",
            "float32",
            "--backend",
            "cpu",
            "--format",
            "json");

    assertThat(run.err()).isEmpty();
    assertThat(run.code()).isZero();
    JsonNode answer = JsonMapper.shared().readTree(run.out());
    assertThat(answer.get("tokenIds")).isEqualTo(expected.get("tokens"));
    assertThat(answer.get("answer")).isEqualTo(expected.get("answer"));
    for (int drop = 0; drop < expected.get("drops").size(); drop++) {
      assertThat(answer.get("stages").get(drop + 1).get("kept"))
          .isEqualTo(expected.get("drops").get(drop).get("kept"));
    }
  }

  @Test
  void aTowerThatIsNeededAndNotGivenIsBadUse() {
    for (String command : List.of("generate", "inspect")) {
      Stream<String> args = Stream.of(command, "--model", PAD);
      Stream<String> prompt =
          command.equals("generate") ? Stream.of("--raw-prompt", "what ?") : Stream.empty();
      assertBadUse(
          run(Stream.concat(args, prompt).toArray(String[]::new)),
          PAD + " needs the vision tower that its mm_vision_tower names, 'tiny-clip'",
          "--vision-tower DIR");
    }
  }

  @Test
  void aTowerThatIsNoFolderOrNoModelIsBadUse(@TempDir Path empty) {
    assertBadUse(
        run("inspect", "--model", PAD, "--vision-tower", "/does/not/exist"),
        "/does/not/exist: no such folder; --vision-tower takes the folder of a CLIP model");
    assertBadUse(
        run("inspect", "--model", PAD, "--vision-tower", empty.toString()),
        empty + " has no config.json; --vision-tower takes");
  }

  @Test
  void aTowerForAModelThatHasOneIsBadUse() {
    String model = FIXTURES.resolve("mha-float32").toString();
    assertBadUse(
        run("inspect", "--model", model, "--vision-tower", CLIP),
        model + " has a vision tower of its own");
  }

  @Test
  void inspectSaysWhereTheTowerIs() {
    assertThat(run("inspect", "--model", PAD, "--vision-tower", CLIP).out().lines())
        .contains(
            "layout    of the original LLaVA; vision tower 'tiny-clip', from " + CLIP,
            "vision    3 layers of 16 (2 heads, feed-forward 26), 28 pixels in patches of 7: 16"
                + " patches",
            "tokens    96 in the vocabulary, 512 in the context, no image token");
    CommandRun inside =
        run("inspect", "--model", ANYRES, "--vision-tower", CLIP, "--format", "json");
    JsonNode json = JsonMapper.shared().readTree(inside.out());
    assertThat(json.get("visionTower").asString()).isEqualTo("'tiny-clip', inside");
    assertThat(json.get("config").get("original").get("visionTower").asString())
        .isEqualTo("tiny-clip");
    assertThat(json.get("config").get("pinpoints").get(1).get("width").asInt()).isEqualTo(84);
  }

  @Test
  void flopsCountsTilesOfImagesWhoseSizesItIsTold() {
    CommandRun run =
        run(
            "flops",
            "--model",
            ANYRES,
            "--vision-tower",
            CLIP,
            "--image-size",
            "188x47",
            "--format",
            "json");
    assertThat(run.err()).isEmpty();
    assertThat(run.code()).isZero();
    assertThat(run.out()).contains("\"imageTokens\":42");
    assertBadUse(run("flops", "--vision-tower", CLIP), "--vision-tower needs a --model");
  }

  @Test
  void inspectNeedsNoTowerWhoseNameSaysItAll(@TempDir Path folder) throws IOException {
    Path model = Path.of(PAD);
    Files.copy(model.resolve("model.safetensors"), folder.resolve("model.safetensors"));
    Files.writeString(
        folder.resolve("config.json"),
        Files.readString(model.resolve("config.json"))
            .replace("tiny-clip", "openai/clip-vit-large-patch14-336")
            .replace("\"mm_hidden_size\": 16", "\"mm_hidden_size\": 1024"));
    assertThat(run("inspect", "--model", folder.toString()).out().lines())
        .contains(
            "layout    of the original LLaVA; vision tower 'openai/clip-vit-large-patch14-336', not"
                + " here: give its folder with --vision-tower");
  }
}
