package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class PyramidDropCommandTest {
  /** A decoder of eight layers; what a config leaves out has its family's default. */
  private static final String CONFIG =
      """
      {"model_type": "llava", "image_token_index": 4,
       "text_config": {"model_type": "llama", "num_hidden_layers": 8, "vocab_size": 64},
       "vision_config": {"model_type": "clip_vision_model", "image_size": 112, "patch_size": 14}}
      """;

  /** What the commands that answer have in common. */
  private static final List<String> SHARED =
      List.of(
          "--model",
          "--max-tokens",
          "--pruning",
          "--stages",
          "--lambda",
          "--drop-layers",
          "--keep-ratios",
          "--fastv-layer",
          "--fastv-ratio",
          "--ranking",
          "--positions",
          "--profile",
          "--backend",
          "--dtype",
          "--temperature",
          "--top-p",
          "--seed",
          "--top-k",
          "--repetition-penalty",
          "--system",
          "--stop",
          "--logits",
          "--log-probabilities",
          "--max-image-bytes",
          "--max-image-pixels",
          "--max-image-seconds",
          "--verbose");

  @TempDir private Path folder;

  @ParameterizedTest
  @MethodSource
  void refusesBadUseInOneLine(String args, String message) {
    Run run = Run.of(args.isEmpty() ? new String[0] : args.split(" ", -1));

    assertBadUse(run, message);
  }

  static Stream<Arguments> refusesBadUseInOneLine() {
    String nowhere = "generate --model /does/not/exist --prompt x";
    return Stream.of(
        Arguments.of(
            "",
            "choose a command: generate, chat, batch, serve, train, quantize, inspect, flops or doctor"),
        Arguments.of("sing", "there is no command 'sing'; choose a command: generate, chat"),
        Arguments.of("chat --model m --image -", "--image - doesn't go with chat"),
        Arguments.of("inspect --model=", "name is missing"),
        Arguments.of("flops --colour red", "Unknown options: '--colour', 'red'"),
        Arguments.of("generate --prompt x", "Missing required option: '--model=DIR'"),
        Arguments.of("inspect", "Missing required option: '--model=DIR'"),
        Arguments.of("generate --model m", "--prompt"),
        Arguments.of("chat", "Missing required option: '--model=DIR'"),
        Arguments.of("chat --model /does/not/exist", "/does/not/exist: no such folder"),
        Arguments.of("chat --model m --top-p 0.9", "--top-p needs a --temperature above 0"),
        Arguments.of("chat --model m --logits 5", "--logits needs --format json"),
        Arguments.of("chat --model m --stages 0", "stages must be at least 1, got 0"),
        Arguments.of("chat --model m --overlay o.png", "Unknown option"),
        Arguments.of("batch", "Missing required option: '--model=DIR'"),
        Arguments.of("batch --model /does/not/exist", "/does/not/exist: no such folder"),
        Arguments.of("batch --model m --batch-size 0", "--batch-size must be at least 1, got 0"),
        Arguments.of("batch --model m --lambda 2", "lambda 2.0 is outside (0, 1]"),
        Arguments.of("batch --model m --image x.png", "Unknown options: '--image', 'x.png'"),
        Arguments.of("generate --model m --prompt x --raw-prompt y", "mutually exclusive"),
        Arguments.of(nowhere, "/does/not/exist: no such folder"),
        Arguments.of("inspect --model /does/not/exist", "/does/not/exist: no such folder"),
        Arguments.of("flops --model /does/not/exist", "/does/not/exist: no such folder"),
        Arguments.of(nowhere + " --lambda 0", "lambda 0.0 is outside (0, 1]"),
        Arguments.of(nowhere + " --lambda 1.5", "lambda 1.5 is outside (0, 1]"),
        Arguments.of(nowhere + " --lambda NaN", "lambda NaN is outside (0, 1]"),
        Arguments.of(nowhere + " --lambda half", "'half' is not a double"),
        Arguments.of(nowhere + " --stages 0", "stages must be at least 1, got 0"),
        Arguments.of(nowhere + " --ranking best", "'best' is none of stage-end, next-stage"),
        Arguments.of(nowhere + " --max-tokens 0", "max tokens must be at least 1, got 0"),
        Arguments.of(nowhere + " --temperature -1", "temperature must be 0 or a positive number"),
        Arguments.of(nowhere + " --temperature 1 --top-p 0", "top-p 0.0 is outside (0, 1]"),
        Arguments.of(nowhere + " --top-p 0.9", "--top-p needs a --temperature above 0"),
        Arguments.of(nowhere + " --top-k 5", "--top-k needs a --temperature above 0"),
        Arguments.of(nowhere + " --temperature 1 --top-k 0", "--top-k must be at least 1, got 0"),
        Arguments.of(nowhere + " --repetition-penalty 0", "repetition penalty must be a positive"),
        Arguments.of(nowhere + " --log-probabilities 2", "--log-probabilities needs --format json"),
        Arguments.of(
            nowhere + " --format json --log-probabilities -1",
            "--log-probabilities must not be negative, got -1"),
        Arguments.of(nowhere + " --stop=", "a stop string must not be empty"),
        Arguments.of(nowhere + " --max-image-bytes 0", "an image's file may have 1 to"),
        Arguments.of("chat --model m --max-image-pixels 0", "an image may have 1 to"),
        Arguments.of("batch --model m --max-image-seconds 0", "must be given some time"),
        Arguments.of(nowhere + " --image a\0b", "'a\0b' can't name a file: Nul character"),
        Arguments.of(nowhere + " --image - --image -", "--image - can be given once only"),
        Arguments.of(nowhere + " --logits 5", "--logits needs --format json"),
        Arguments.of(nowhere + " --logits -1", "top logits must not be negative, got -1"),
        Arguments.of("flops --text-tokens 0", "--text-tokens must be at least 1, got 0"),
        Arguments.of("flops --image-tokens -1", "--image-tokens must not be negative, got -1"),
        Arguments.of("flops --image-size 640x480", "--image-size needs a --model"),
        Arguments.of("flops --vision-tower d", "--vision-tower needs a --model"));
  }

  @ParameterizedTest
  @MethodSource
  void refusesWhatDoesntFitTheModel(List<String> args, String message) throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);
    List<String> all =
        new ArrayList<>(List.of("generate", "--model", folder.toString(), "--prompt", "x"));
    all.addAll(args);

    assertBadUse(Run.of(all.toArray(new String[0])), message);
  }

  static Stream<Arguments> refusesWhatDoesntFitTheModel() {
    List<String> ratio = List.of("--keep-ratios", ".5");
    return Stream.of(
        Arguments.of(
            concat(ratio, "--drop-layers", "0"),
            "drop layer 0 is outside the model's 8 decoder layers: choose 1 to 7"),
        Arguments.of(
            concat(ratio, "--drop-layers", "8"),
            "drop layer 8 is outside the model's 8 decoder layers: choose 1 to 7"),
        Arguments.of(
            List.of("--pruning", "fastv", "--fastv-layer", "9"),
            "drop layer 9 is outside the model's 8 decoder layers: choose 1 to 7"),
        Arguments.of(
            List.of("--stages", "9"), "9 stages don't fit into the model's 8 decoder layers"),
        Arguments.of(List.of("--image", "/no/such.png"), "/no/such.png"),
        Arguments.of(List.of("--overlay", "o.png"), "--overlay needs an --image"),
        Arguments.of(
            List.of("--image", "x.png", "--overlay", "/no/such/folder/o.png"),
            "--overlay /no/such/folder/o.png: no such folder as /no/such/folder"),
        Arguments.of(List.of("--backend", "cuda"), "--backend cuda can't be used: "));
  }

  @Test
  void refusesAFolderWithoutAModel() {
    assertBadUse(Run.of("inspect", "--model", folder.toString()), folder + " has no config.json");
  }

  @Test
  void aFolderOfTheHubsCacheIsAnsweredWithTheOneInside() throws IOException {
    Path snapshot =
        Files.createDirectories(
            folder.resolve("models--llava-hf--tiny").resolve("snapshots").resolve("0a1b"));
    Files.writeString(snapshot.resolve("config.json"), CONFIG);

    assertBadUse(
        Run.of("inspect", "--model", folder.resolve("models--llava-hf--tiny").toString()),
        "is a folder of the Hugging Face cache; give " + snapshot);
  }

  @Test
  void refusesAnImageBeyondTheLimits() throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);
    BufferedImage image = new BufferedImage(20, 30, BufferedImage.TYPE_INT_RGB);
    Path file = folder.resolve("picture.png");
    ImageIO.write(image, "png", file.toFile());
    for (String limit : List.of("--max-image-pixels=599", "--max-image-bytes=9")) {
      assertBadUse(
          Run.of(
              "generate",
              "--model",
              folder.toString(),
              "--prompt",
              "x",
              "--image",
              file.toString(),
              limit),
          file.toString());
    }
  }

  @Test
  void anOverlayNeverReplacesTheImage() throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);
    Path image = Files.writeString(folder.resolve("picture.png"), "x");
    Path link = Files.createSymbolicLink(folder.resolve("link.png"), image);

    assertBadUse(
        Run.of(
            "generate",
            "--model",
            folder.toString(),
            "--prompt",
            "x",
            "--image",
            image.toString(),
            "--overlay",
            link.toString()),
        "would replace the image");
  }

  @Test
  void refusesAnImageThatIsNone() throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);
    Path image = Files.writeString(folder.resolve("words.png"), "these are words");

    assertBadUse(
        Run.of(
            "generate", "--model", folder.toString(), "--prompt", "x", "--image", image.toString()),
        image.toString());
  }

  @Test
  void aDamagedCheckpointIsAFailedRun() throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"model_type\": ");

    Run run = Run.of("inspect", "--model", folder.toString());

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err().lines()).singleElement().asString().contains("config.json");
  }

  @Test
  void anOverlayOfAModelWithAClassTokenIsRefused() throws IOException {
    Files.writeString(
        folder.resolve("config.json"),
        CONFIG.replaceFirst("\\{", "{\"vision_feature_select_strategy\": \"full\", "));

    assertBadUse(
        Run.of(
            "generate",
            "--model",
            folder.toString(),
            "--prompt",
            "x",
            "--image",
            "x.png",
            "--overlay",
            folder.resolve("o.png").toString()),
        "an overlay needs a place for every image token; this model has a class token too");
  }

  @ParameterizedTest
  @ValueSource(strings = {"chat", "batch"})
  void refusesAPlanThatDoesntFitBeforeAnythingIsRead(String command) throws IOException {
    Files.writeString(folder.resolve("config.json"), CONFIG);

    assertBadUse(
        Run.of(command, "--model", folder.toString(), "--stages", "9"),
        "9 stages don't fit into the model's 8 decoder layers");
    assertBadUse(
        Run.of(command, "--model", folder.toString(), "--backend", "cuda"),
        "--backend cuda can't be used: ");
  }

  @Test
  void verboseShowsTheTrace() {
    Run run = Run.of("inspect", "--verbose", "--model", "/does/not/exist");

    assertThat(run.code()).isEqualTo(2);
    assertThat(run.err()).startsWith("pyramiddrop: ").contains("\tat ");
  }

  @ParameterizedTest
  @CsvSource({
    "generate, --image --prompt --raw-prompt --format --overlay",
    "chat, --image --format",
    "batch, --batch-size",
  })
  void helpIsNoError(String command, String own) {
    Run run = Run.of(command, "--help");

    assertThat(run.code()).isZero();
    assertThat(run.err()).isEmpty();
    assertThat(run.out()).contains(SHARED).contains(own.split(" ", -1));
  }

  @Test
  void doctorSaysWhatRunsAndWhyTheRestDoesnt() {
    Run run = Run.of("doctor");

    assertThat(run.code()).isZero();
    assertThat(run.out())
        .contains(
            "java    " + Runtime.version(),
            "copies  of weights (--copy) lie in ",
            "cpu     available: ");
    assertThat(run.out().lines())
        .filteredOn(line -> line.startsWith("cuda"))
        .singleElement()
        .asString()
        .matches("cuda    (not )?available: .+");
  }

  @Test
  void doctorAndHelpExplainEveryPieceOfAPlanInTwoSentencesWithItsPaper() {
    String doctor = Run.of("doctor").out();
    String help = Run.of("generate", "--help").out().replaceAll("\\s+", "");
    for (String piece : PlanText.ALL) {
      assertThat(doctor).contains(piece);
      assertThat(help).contains(piece.replaceAll("\\s+", ""));
      assertThat(piece.replace("et al.", "et al").split("\\. |\\.$", -1)).hasSize(3);
      assertThat(piece.startsWith("random") || piece.matches(".*\\(.+ 20\\d\\d\\).*")).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({"25, true", "25.0.2+10, true", "25.0.3+9-LTS, false", "25.1, false", "26, false"})
  void doctorWarnsOfAJavaThatDamagesArrays(String version, boolean warns) {
    assertThat(DoctorCommand.damagesArrays(Runtime.Version.parse(version))).isEqualTo(warns);
  }

  private static void assertBadUse(Run run, String message) {
    assertThat(run.err().lines())
        .singleElement()
        .asString()
        .startsWith("pyramiddrop: ")
        .contains(message);
    assertThat(run.code()).isEqualTo(2);
    assertThat(run.out()).isEmpty();
  }

  private static List<String> concat(List<String> left, String... right) {
    List<String> all = new ArrayList<>(left);
    all.addAll(List.of(right));
    return all;
  }
}
