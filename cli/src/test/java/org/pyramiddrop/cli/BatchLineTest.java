package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

class BatchLineTest {

  @Test
  void readsAQuestionAboutImages() {
    assertThat(parse("{\"images\": [\"a b.png\", \"/c.jpg\"], \"prompt\": \"é ?\"}"))
        .isEqualTo(new BatchLine("é ?", false, List.of(Path.of("a b.png"), Path.of("/c.jpg"))));
  }

  @Test
  void imagesMayBeLeftOutAndThePromptRaw() {
    assertThat(parse(" {\"rawPrompt\": \"x\"} ")).isEqualTo(new BatchLine("x", true, List.of()));
  }

  private static BatchLine parse(String line) {
    return BatchLine.of(BatchLine.object(line));
  }

  @Test
  void anIdIsTextOrANumberAndStaysAsItIs() {
    assertThat(id("\"a\"")).hasToString("\"a\"");
    assertThat(id("12345678901234567890.5")).hasToString("12345678901234567890.5");
    assertThat(id("null")).isNull();
    assertThat(BatchLine.id(BatchLine.object("{\"prompt\": \"x\"}"))).isNull();
    for (String other : List.of("[1]", "{}", "true")) {
      assertThatThrownBy(() -> id(other))
          .isInstanceOf(UsageException.class)
          .hasMessage("\"id\" must be text or a number");
    }
  }

  private static @Nullable JsonNode id(String value) {
    return BatchLine.id(BatchLine.object("{\"prompt\": \"x\", \"id\": " + value + "}"));
  }

  @Test
  void aLongLineIsNotRepeatedWhole() {
    String line = "[" + "1,".repeat(5000) + "1]";
    assertThatThrownBy(() -> parse(line))
        .isInstanceOf(UsageException.class)
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(200).endsWith("…"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "hello | not a JSON object: Unrecognized token 'hello'",
        "{\"prompt\": \"x\" | not a JSON object: Unexpected end-of-input",
        "{\"prompt\": [ | not a JSON object: Unexpected end-of-input: expected close marker for Array",
        "{\"prompt\": \"x\"} {} | not a JSON object: Trailing token",
        "{\"prompt\": \"x\", \"prompt\": \"y\"} | not a JSON object: Duplicate Object property",
        "[\"x\"] | not a JSON object: [\"x\"]",
        "{\"prompt\": \"x\", \"image\": \"y\"} | unknown key \"image\"; known are",
        "{\"images\": []} | a question needs either \"prompt\" or \"rawPrompt\"",
        "{\"prompt\": \"x\", \"rawPrompt\": \"x\"} | a question needs either",
        "{\"prompt\": 5} | \"prompt\" must be text",
        "{\"rawPrompt\": null} | \"rawPrompt\" must be text",
        "{\"prompt\": \"x\", \"images\": \"y\"} | \"images\" must be a list of file names",
        "{\"prompt\": \"x\", \"images\": [5]} | \"images\" must be a list of file names",
      })
  void refusesWhatIsNone(String line, String message) {
    assertThatThrownBy(() -> parse(line))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining(message);
  }
}
