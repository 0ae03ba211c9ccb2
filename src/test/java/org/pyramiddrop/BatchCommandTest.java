package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Questions answered together, over the demo checkpoint. */
class BatchCommandTest {
  private static final Path SCENES = Path.of("..", "..", "models", "scenes");
  private static final Path MODEL = SCENES.resolve("model");
  private static final String FIRST = SCENES.resolve("heldout").resolve("0000.png").toString();
  private static final String SECOND = SCENES.resolve("heldout").resolve("0001.png").toString();

  private static final String NUMBER = "what number is on the gray triangle ?";
  private static final String COUNT = "how many triangle s are there ?";
  private static final String WORDS = "what is there ?";

  /** What a line asks, both as JSON and as generate's flags. */
  private record Asked(String line, List<String> flags) {
    static Asked of(String prompt, String... images) {
      List<String> quoted = Stream.of(images).map(image -> "\"" + image + "\"").toList();
      return new Asked(
          "{\"prompt\": \"%s\", \"images\": %s}".formatted(prompt, quoted),
          Stream.concat(
                  Stream.of("--prompt", prompt),
                  Stream.of(images).flatMap(image -> Stream.of("--image", image)))
              .toList());
    }
  }

  private static final List<Asked> ASKED =
      List.of(
          Asked.of(NUMBER, FIRST),
          Asked.of(COUNT, FIRST, SECOND),
          new Asked("{\"prompt\": \"" + WORDS + "\"}", List.of("--prompt", WORDS)),
          Asked.of(COUNT, SECOND),
          new Asked(
              "{\"rawPrompt\": \"USER: <image> " + COUNT + "\", \"images\": [\"" + FIRST + "\"]}",
              List.of("--raw-prompt", "USER: <image> " + COUNT, "--image", FIRST)));

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 8})
  void everyRowIsWhatGenerateSays(int batchSize) {
    List<String> options = List.of("--lambda", ".4", "--max-tokens", "5", "--logits", "1");
    Stream<String> flags =
        Stream.concat(Stream.of("--batch-size", Integer.toString(batchSize)), options.stream());
    List<JsonNode> rows = batch(ASKED.stream().map(Asked::line).toList(), flags).objects();

    assertThat(rows).hasSameSizeAs(ASKED);
    for (int i = 0; i < ASKED.size(); i++) {
      Stream<String> generate =
          Stream.of("generate", "--model", MODEL.toString(), "--format", "json");
      Stream<String> all =
          Stream.concat(generate, Stream.concat(ASKED.get(i).flags().stream(), options.stream()));
      JsonNode alone = CommandRun.of(List.of(), all).objects().getFirst();
      assertThat(rows.get(i).get("line").intValue()).isEqualTo(i + 1);
      assertThat(rows.get(i).propertyNames().stream().skip(1))
          .containsExactlyElementsOf(alone.propertyNames());
      for (String key : List.of("answer", "tokenIds", "promptTokens", "stages", "flops", "dtype")) {
        assertThat(rows.get(i).get(key)).as("%s of row %d", key, i).isEqualTo(alone.get(key));
      }
    }
  }

  @Test
  void aLineThatCantBeAskedHasItsErrorInItsPlace() {
    String good = ASKED.getFirst().line();
    List<String> lines =
        List.of(
            good,
            "{\"prompt\": \"two\", \"images\": [\"no/such.png\"]}",
            "",
            "{\"rawPrompt\": \"<image>\"}",
            "[]",
            good,
            "{\"prompt\": \"an <image>\"}");
    CommandRun run = batch(lines, Stream.of("--batch-size", "3"));

    assertThat(run.code()).isEqualTo(1);
    assertThat(run.err().lines()).containsExactly("pyramiddrop: 5 of 7 lines couldn't be asked");
    List<JsonNode> rows = run.out().lines().map(JsonMapper.shared()::readTree).toList();
    assertThat(rows).hasSize(7);
    assertThat(rows.stream().map(row -> row.get("line").intValue()))
        .containsExactly(1, 2, 3, 4, 5, 6, 7);
    assertThat(rows.get(0).get("tokenIds")).isEqualTo(rows.get(5).get("tokenIds"));
    assertThat(rows.get(0).get("answer").stringValue()).isNotBlank();
    assertError(rows.get(1), "no/such.png: no such file");
    assertError(rows.get(2), "the line is blank");
    assertError(rows.get(3), "the prompt has 1 <image> place for 0 images");
    assertError(rows.get(4), "not a JSON object: []");
    assertError(rows.get(6), "the prompt contains <image>");
  }

  @Test
  void anIdComesBackWithItsAnswerOrItsError() {
    CommandRun run =
        batch(
            List.of(
                "{\"id\": \"a\", \"prompt\": \"" + WORDS + "\"}",
                "{\"prompt\": \"x\", \"images\": [\"no/such.png\"], \"id\": 7}",
                "{\"id\": \"c\", \"question\": \"x\"}"),
            Stream.of());

    List<JsonNode> rows = run.out().lines().map(JsonMapper.shared()::readTree).toList();
    assertThat(rows.stream().map(row -> row.get("id").asString())).containsExactly("a", "7", "c");
    assertThat(rows.get(0).propertyNames()).startsWith("line", "id", "answer");
    assertThat(rows.get(1).propertyNames()).containsExactly("line", "id", "error");
    assertThat(rows.get(2).get("error").stringValue()).startsWith("unknown key \"question\"");
  }

  @Test
  void aRowThatLacksATemplateFailsAlone(@TempDir Path folder) throws IOException {
    try (Stream<Path> files = Files.list(MODEL)) {
      for (Path file : files.filter(f -> !f.endsWith("chat_template.json")).toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    CommandRun run =
        CommandRun.of(
            List.of("{\"prompt\": \"x\"}", "{\"rawPrompt\": \"what is there ?\"}"),
            Stream.of("batch", "--model", folder.toString()));

    List<JsonNode> rows = run.out().lines().map(JsonMapper.shared()::readTree).toList();
    assertThat(run.code()).isEqualTo(1);
    assertError(rows.get(0), "has no chat template");
    assertThat(rows.get(1).get("answer").stringValue()).isNotNull();
  }

  @Test
  void withoutALineNothingIsSaid() {
    assertThat(batch(List.of(), Stream.of())).isEqualTo(new CommandRun(0, "", ""));
  }

  private static void assertError(JsonNode row, String message) {
    assertThat(row.propertyNames()).containsExactly("line", "error");
    assertThat(row.get("error").stringValue()).contains(message);
  }

  private static CommandRun batch(List<String> lines, Stream<String> flags) {
    return CommandRun.of(
        lines, Stream.concat(Stream.of("batch", "--model", MODEL.toString()), flags));
  }
}
