package org.pyramiddrop.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BatchLineTest {

  @Test
  void readsAQuestionAboutPictures() {
    assertThat(BatchLine.parse("{\"images\": [\"a b.png\", \"/c.jpg\"], \"prompt\": \"é ?\"}"))
        .isEqualTo(new BatchLine("é ?", false, List.of(Path.of("a b.png"), Path.of("/c.jpg"))));
  }

  @Test
  void picturesMayBeLeftOutAndThePromptRaw() {
    assertThat(BatchLine.parse(" {\"rawPrompt\": \"x\"} "))
        .isEqualTo(new BatchLine("x", true, List.of()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "hello | not a JSON object: Unrecognized token 'hello'",
        "{\"prompt\": \"x\" | not a JSON object: Unexpected end-of-input",
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
    assertThatThrownBy(() -> BatchLine.parse(line))
        .isInstanceOf(BadUse.class)
        .hasMessageContaining(message);
  }
}
