package org.pyramiddrop;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.kernels.Devices;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The command line over the demo checkpoint. */
class CommandLineTest {
  private static final Path SCENES = Path.of("..", "..", "models", "scenes");
  private static final Path MODEL = SCENES.resolve("model");
  private static final Path IMAGE = SCENES.resolve("heldout").resolve("0000.png");
  private static final Path OTHER_IMAGE = SCENES.resolve("heldout").resolve("0001.png");
  private static final Path FIXTURES = Path.of("resources", "fixtures");
  private static final String QUESTION = "what number is on the gray triangle ?";

  @Test
  void jsonIsOneObjectWithTheKeysItPromises() {
    JsonNode root = json("--image", IMAGE.toString(), "--logits", "3");

    assertThat(root.propertyNames())
        .containsExactly(
            "answer",
            "finish",
            "tokenIds",
            "promptTokens",
            "imageTokens",
            "stages",
            "logits",
            "flops",
            "millis",
            "backend",
            "dtype");
    assertThat(root.get("answer").stringValue()).isNotBlank();
    assertThat(root.get("imageTokens").intValue()).isEqualTo(64);
    assertThat(root.get("promptTokens").intValue()).isGreaterThan(64);
    assertThat(root.get("backend").stringValue()).isEqualTo(Devices.fastest());
    assertThat(root.get("dtype").stringValue()).isEqualTo("bfloat16");
    assertThat(root.get("flops").get("total").doubleValue())
        .isGreaterThan(2 * root.get("flops").get("paper").doubleValue());
    assertThat(root.get("millis").propertyNames())
        .containsExactly("load", "vision", "prefill", "decode");
    assertThat(root.get("millis").get("prefill").doubleValue()).isPositive();
    assertThat(root.get("logits").size()).isEqualTo(3);
    assertThat(root.get("logits").get(0).get("id").intValue())
        .as("greedy takes the highest logit")
        .isEqualTo(root.get("tokenIds").get(0).intValue());
    assertThat(root.get("logits").get(0).get("value").doubleValue())
        .isGreaterThan(root.get("logits").get(1).get("value").doubleValue());
  }

  @Test
  void eachStageKeepsHalfOfTheTokensOfTheStageBefore() {
    JsonNode stages = json("--image", IMAGE.toString()).get("stages");

    assertThat(numbers(stages, "firstLayer")).containsExactly(0, 2, 4, 6);
    assertThat(numbers(stages, "imageTokens")).containsExactly(64, 32, 16, 8);
    List<Integer> before = integers(stages.get(0).get("kept").get(0));
    assertThat(before).hasSize(64);
    for (int i = 1; i < 4; i++) {
      assertThat(stages.get(i).get("kept").size()).isEqualTo(1);
      List<Integer> kept = integers(stages.get(i).get("kept").get(0));
      assertThat(kept).hasSize(64 >> i).isSorted().doesNotHaveDuplicates();
      assertThat(before).containsAll(kept);
      before = kept;
    }
  }

  @ParameterizedTest
  @MethodSource
  void everyStrategyHasItsOwnStages(List<String> flags, List<Integer> counts) {
    List<String> args = new ArrayList<>(List.of("--image", IMAGE.toString()));
    args.addAll(flags);

    assertThat(numbers(json(args.toArray(new String[0])).get("stages"), "imageTokens"))
        .isEqualTo(counts);
  }

  static Stream<Arguments> everyStrategyHasItsOwnStages() {
    return Stream.of(
        Arguments.of(List.of("--pruning", "none"), List.of(64)),
        Arguments.of(List.of("--plan", "divprune:20,fastv:2:.5"), List.of(20, 10)),
        Arguments.of(List.of("--plan", "cdpruner:20"), List.of(20)),
        Arguments.of(List.of("--plan", "visionzip:999+5"), List.of(64)),
        Arguments.of(List.of("--plan", "random:9@3:tower,random:5@4:1"), List.of(9, 5)),
        Arguments.of(List.of("--plan", "layers:1=.5/7=.25"), List.of(64, 32, 16)),
        Arguments.of(List.of("--pruning", "fastv", "--fastv-ratio", ".75"), List.of(64, 16)),
        Arguments.of(List.of("--profile", "released", "--lambda", ".4"), List.of(64, 25, 10, 4)),
        Arguments.of(List.of("--lambda", ".4"), List.of(64, 25, 10, 4)),
        Arguments.of(List.of("--drop-layers", "1,7", "--keep-ratios", ".1,0"), List.of(64, 6, 0)));
  }

  @Test
  void aPlanCutsBeforeTheDecoderAndInsideIt() {
    JsonNode root =
        json(
            "--image",
            IMAGE.toString(),
            "--image",
            OTHER_IMAGE.toString(),
            "--plan",
            "visionzip:20+4,divprune:16,pyramid:4:0.5");

    assertThat(root.get("imageTokens").intValue()).as("before any cut").isEqualTo(128);
    JsonNode tower = root.get("cuts").get(0);
    JsonNode projector = root.get("cuts").get(1);
    assertThat(root.get("cuts").size()).isEqualTo(2);
    assertThat(tower.propertyNames()).containsExactly("place", "kept", "merged");
    assertThat(tower.get("place").stringValue()).isEqualTo("tower");
    assertThat(projector.get("place").stringValue()).isEqualTo("projector");
    assertThat(numbers(root.get("stages"), "imageTokens")).containsExactly(32, 16, 8, 4);
    for (int image = 0; image < 2; image++) {
      List<Integer> kept = integers(tower.get("kept").get(image));
      assertThat(kept).hasSize(24).doesNotHaveDuplicates();
      assertThat(kept.subList(0, 20)).isSorted();
      assertThat(kept.subList(20, 24)).isSorted();
      List<Integer> all = new ArrayList<>(kept);
      tower.get("merged").get(image).forEach(target -> all.addAll(integers(target)));
      assertThat(tower.get("merged").get(image).size()).isEqualTo(4);
      assertThat(all).hasSize(64).doesNotHaveDuplicates();
      List<Integer> far = integers(projector.get("kept").get(image));
      assertThat(far).hasSize(16);
      assertThat(kept).containsSubsequence(far);
      assertThat(projector.get("merged").get(image).size()).isZero();
      assertThat(integers(root.get("stages").get(0).get("kept").get(image))).isEqualTo(far);
      assertThat(far)
          .containsSubsequence(integers(root.get("stages").get(3).get("kept").get(image)));
    }
  }

  @Test
  void aPlanSaysInTextWhatItCutAndDrawsWhatItMerged(@TempDir Path folder) throws IOException {
    Path overlay = folder.resolve("merged.png");
    CommandRun run =
        generate(
            "--image",
            IMAGE.toString(),
            "--plan",
            "visionzip:20+4,fastv:2:.5",
            "--overlay",
            overlay.toString());

    assertThat(run.err()).isEmpty();
    assertThat(run.out()).contains("  cut   tower            24  37.5%");
    BufferedImage drawn = ImageIO.read(overlay.toFile());
    int amber = 0;
    for (int x = 0; x < drawn.getWidth(); x++) {
      for (int y = 0; y < drawn.getHeight(); y++) {
        int colour = drawn.getRGB(x, y) & 0xFFFFFF;
        int blue = colour & 0xFF;
        // Dim grey with so much more red and green.
        amber += colour == (blue * 0x010101) + 0x603000 ? 1 : 0;
      }
    }
    assertThat(amber).isPositive();
  }

  @Test
  void severalImagesAreReducedEachOnItsOwn() {
    JsonNode root = json("--image", IMAGE.toString(), "--image", OTHER_IMAGE.toString());

    JsonNode last = root.get("stages").get(3);
    assertThat(root.get("imageTokens").intValue()).isEqualTo(128);
    assertThat(last.get("imageTokens").intValue()).isEqualTo(16);
    assertThat(last.get("kept").size()).isEqualTo(2);
    assertThat(integers(last.get("kept").get(0))).hasSize(8);
    assertThat(integers(last.get("kept").get(1))).hasSize(8);
  }

  @Test
  void withoutAnImageTheRunIsTextOnly() {
    JsonNode root = json();

    assertThat(root.get("imageTokens").intValue()).isZero();
    assertThat(root.get("flops").get("paper").doubleValue()).isZero();
  }

  @Test
  void theSameSeedDrawsTheSameAnswer() {
    String[] flags = {"--image", IMAGE.toString(), "--temperature", "3", "--seed", "7"};

    assertThat(json(flags).get("tokenIds")).isEqualTo(json(flags).get("tokenIds"));
  }

  @Test
  void textStreamsTheAnswerJsonHoldsAndThenThePyramid(@TempDir Path folder) throws IOException {
    Path overlay = folder.resolve("overlay.png");

    CommandRun run = generate("--image", IMAGE.toString(), "--overlay", overlay.toString());

    assertThat(run.err()).isEmpty();
    List<String> lines = run.out().lines().toList();
    assertThat(lines.getLast())
        .matches("2 tokens, the first after \\d+\\.\\d\\d s, then \\d+\\.\\d tokens/s");
    assertThat(lines.subList(0, lines.size() - 1))
        .containsExactly(
            json("--image", IMAGE.toString()).get("answer").stringValue(),
            "",
            "stage  layers  image tokens   share",
            "    0     0-1            64  100.0%",
            "    1     2-3            32   50.0%",
            "    2     4-5            16   25.0%",
            "    3     6-7             8   12.5%",
            "",
            "overlay: " + overlay,
            "");
    BufferedImage drawn = ImageIO.read(overlay.toFile());
    assertThat(drawn.getWidth()).isGreaterThan(4 * 336);
    assertThat(drawn.getHeight()).isGreaterThan(336);
  }

  @Test
  void aModelOfTilesIsDrawnWithItsFinerGridBelow(@TempDir Path folder) throws IOException {
    Path overlay = folder.resolve("overlay.png");
    // 53×53 pixels become four tiles of 4×4 patches of 7 beside the whole.
    Path square = FIXTURES.resolve("pictures").resolve("square.png");

    CommandRun run =
        run(
            "generate",
            "--model",
            FIXTURES.resolve("next-vicuna-float32").toString(),
            "--image",
            square.toString(),
            "--prompt",
            "what ?",
            "--max-tokens",
            "2",
            "--overlay",
            overlay.toString());

    assertThat(run.err()).isEmpty();
    assertThat(run.code()).isZero();
    assertThat(run.out()).contains("overlay: " + overlay);
    BufferedImage drawn = ImageIO.read(overlay.toFile());
    // Two rows of panels with their captions, the lower ones with newlines at their right.
    assertThat(drawn.getWidth()).isEqualTo(8 + 4 * (336 + 12 + 8));
    assertThat(drawn.getHeight()).isEqualTo(8 + 336 + 30 + 336 + 50);
  }

  @ParameterizedTest
  @MethodSource
  void badUseIsOneLineAndTwo(List<String> flags, String message) {
    CommandRun run = generate(flags.toArray(new String[0]));

    assertThat(run.err().lines()).singleElement().asString().contains(message);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
  }

  static Stream<Arguments> badUseIsOneLineAndTwo() {
    return Stream.of(
        Arguments.of(List.of("--backend", "cuda"), "--backend cuda can't be used: "),
        Arguments.of(
            List.of("--plan", "divprune:8,visionzip:5+2"),
            "piece 'visionzip:5+2' of plan 'divprune:8,visionzip:5+2': a cut in the vision tower"
                + " can't follow one after the projector"),
        Arguments.of(List.of("--plan", "zip:5"), "piece 'zip:5' of plan 'zip:5': there is no such"),
        Arguments.of(
            List.of("--drop-layers", "8", "--keep-ratios", ".5"),
            "drop layer 8 is outside the model's 8 decoder layers: choose 1 to 7"),
        Arguments.of(List.of("--image", SCENES.resolve("draw.py").toString()), "draw.py"),
        Arguments.of(
            Stream.generate(() -> List.of("--image", IMAGE.toString()))
                .limit(8)
                .flatMap(List::stream)
                .toList(),
            "the model's context holds 512"));
  }

  @Test
  void aRawPromptNeedsAPlaceForEachImage() {
    CommandRun run =
        run(
            "generate",
            "--model",
            MODEL.toString(),
            "--image",
            IMAGE.toString(),
            "--raw-prompt",
            "no place here");

    assertThat(run.err().lines()).singleElement().asString().contains("0 <image> places");
    assertThat(run.code()).isEqualTo(2);
  }

  @Test
  void aTruncatedCheckpointIsAFailedRunOfOneLine(@TempDir Path folder) throws IOException {
    try (Stream<Path> files = Files.list(MODEL)) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Path weights = folder.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length - 1));

    CommandRun run = run("generate", "--model", folder.toString(), "--prompt", QUESTION);

    assertThat(run.err().lines()).singleElement().asString().contains("model.safetensors");
    assertThat(run.code()).isEqualTo(1);
    assertThat(run.out()).isEmpty();
  }

  @Test
  void withoutTheVectorModuleItStartsItselfAgainWithIt() throws Exception {
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                "org.pyramiddrop.cli.Main",
                "generate",
                "--model",
                "/does/not/exist",
                "--prompt",
                "x")
            .start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    String err = new String(process.getErrorStream().readAllBytes(), UTF_8);

    assertThat(process.waitFor()).isEqualTo(2);
    assertThat(out).isEmpty();
    assertThat(err).contains("pyramiddrop: /does/not/exist: no such folder");
  }

  private static JsonNode json(String... flags) {
    List<String> all = new ArrayList<>(List.of(flags));
    all.addAll(List.of("--format", "json"));
    CommandRun run = generate(all.toArray(new String[0]));
    assertThat(run.err()).isEmpty();
    assertThat(run.code()).isZero();
    assertThat(run.out().lines()).hasSize(1);
    return JsonMapper.shared().readTree(run.out());
  }

  private static CommandRun generate(String... flags) {
    List<String> all =
        new ArrayList<>(List.of("generate", "--model", MODEL.toString(), "--prompt", QUESTION));
    all.addAll(List.of(flags));
    return run(all.toArray(new String[0]));
  }

  private static CommandRun run(String... args) {
    return CommandRun.of(List.of(), Stream.of(args));
  }

  private static List<Integer> numbers(JsonNode stages, String key) {
    return stages.valueStream().map(stage -> stage.get(key).intValue()).toList();
  }

  private static List<Integer> integers(JsonNode array) {
    return array.valueStream().map(JsonNode::intValue).toList();
  }
}
