package org.pyramiddrop.loader.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What evaluations read is tested there; this is what LLaVA's own training data needs beside. */
class DatasetFileTest {
  private static final String LLAVA =
      """
      [
        {"id": "000000033471", "image": "coco/000000033471.jpg", "conversations": [
          {"from": "human", "value": "<image>\\nWhat colour is the bus?"},
          {"from": "gpt", "value": "White and red."}]},
        {"id": 12345678901234567890, "conversations": [{"from": "human", "value": ""}]}
      ]
      """;

  @TempDir private Path temp;

  private DatasetFile file(String content) throws IOException {
    return new DatasetFile(Files.writeString(temp.resolve("data.json"), content));
  }

  private static List<String> told(DatasetEntry entry) {
    List<String> told = new ArrayList<>(List.of(entry.name("id")));
    for (DatasetEntry turn : entry.entries("conversations")) {
      told.add(turn.text("from") + ": " + turn.text("value", "a string", _ -> true));
    }
    return told;
  }

  @Test
  void readsAnArrayOfEntriesWithEntriesInside() throws IOException {
    List<List<String>> all = new ArrayList<>();
    DatasetFile file = file(LLAVA);
    assertThat(file.isArray()).isTrue();
    file.array(entry -> {
      all.add(told(entry));
      assertThat(entry.has("image")).isEqualTo(entry.number().equals("0"));
    });
    assertThat(all)
        .containsExactly(
            List.of(
                "000000033471", "human: <image>\nWhat colour is the bus?", "gpt: White and red."),
            List.of("12345678901234567890", "human: "));
  }

  @Test
  void readsTheSameEntriesAsLinesAndUnderAName() throws IOException {
    List<List<String>> array = new ArrayList<>();
    file(LLAVA).array(entry -> array.add(told(entry)));
    String lines = LLAVA.strip().replace("\n", "").replace("]},", "]}\n");
    List<List<String>> byLine = new ArrayList<>();
    DatasetFile jsonLines = file(lines.substring(1, lines.length() - 1));
    assertThat(jsonLines.isArray()).isFalse();
    jsonLines.lines(entry -> byLine.add(told(entry)));
    List<List<String>> named = new ArrayList<>();
    DatasetFile object = file("{\"a\": [1], \"data\": " + LLAVA + "}");
    assertThat(object.isArray()).isFalse();
    assertThat(object.hasArray("data")).isTrue();
    assertThat(object.hasArray("more")).isFalse();
    assertThat(object.fields()).containsExactly("a", "data");
    object.array("data", entry -> named.add(told(entry)));

    assertThat(byLine).isEqualTo(array).hasSize(2);
    assertThat(named).isEqualTo(array);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "[{'id': 1, 'conversations': 3}]|line 1, [0]: expected \"conversations\" to be an array",
        "[{'id': 1, 'conversations': []}]|to be an array of at least one object",
        "[{'id': 1, 'conversations': [3]}]|line 1, [0], conversations[0]: expected \"from\"",
        "[{'id': 1, 'conversations': [{'from': 'a'}]}]|\"value\" to be a string, but it is missing",
        "[7]|no object",
        "{}|expected one array of objects",
        "[] []|something follows the array",
        "[{'id': 1]|line 1: not valid JSON",
        "[{'id': 1, 'id': 2}]|line 1: not valid JSON",
        "[|not valid JSON"
      })
  void namesTheLineOfWhatIsWrong(String content, String message) throws IOException {
    DatasetFile file = file(content.replace('\'', '"'));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> file.array(DatasetFileTest::told))
        .withMessageContaining("data.json")
        .withMessageContaining(message);
  }

  @Test
  void saysWhenThereIsNoFile() {
    DatasetFile none = new DatasetFile(temp.resolve("none.json"));
    for (Runnable reading :
        List.<Runnable>of(none::isArray, none::fields, () -> none.array(_ -> {}))) {
      assertThatIllegalArgumentException()
          .isThrownBy(reading::run)
          .withMessageContaining("none.json can't be read");
    }
  }
}
