package org.pyramiddrop.loader.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DatasetIndexTest {
  @TempDir private Path temp;

  private DatasetIndex open(String content) throws IOException {
    return DatasetIndex.open(Files.writeString(temp.resolve("data.json"), content));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"id\": \"ä🙂\", \"x\": [{}, \"]}\"]}N{\"id\": \"b\"}",
        "[{\"id\": \"ä🙂\", \"x\": [{}, \"]}\"]},N{\"id\": \"b\"}]",
        "N [N{\"id\":\"ä🙂\"}N,N{\"id\": \"b\"} N] N",
        "\uFEFF[{\"id\": \"ä🙂\"}N,{\"id\": \"b\"}]N",
        "\uFEFFN N{\"id\": \"ä🙂\"}NN{\"id\": \"b\"}N"
      })
  void findsEntriesAgain(String content) throws IOException {
    for (String end : List.of("\n", "\r\n")) {
      String text = content.replace("N", end);
      try (DatasetIndex index = open(text)) {
        assertThat(index.size()).isEqualTo(2);
        for (int i : new int[] {1, 0, 1}) {
          DatasetEntry entry = index.entry(i);
          assertThat(entry.name("id")).isEqualTo(List.of("ä🙂", "b").get(i));
          int at = i == 0 ? text.indexOf("{\"id\"") : text.lastIndexOf("{\"id\"");
          int line = text.substring(0, at).split("\n", -1).length;
          boolean array = text.replace("\uFEFF", "").strip().startsWith("[");
          assertThat(entry.number()).isEqualTo(String.valueOf(array ? i : line));
          assertThat(entry.where())
              .isEqualTo(
                  temp.resolve("data.json") + ", line " + line + (array ? ", [" + i + "]" : ""));
        }
      }
    }
  }

  @Test
  void findsWhatLiesFarBeyondABuffer() throws IOException {
    StringBuilder text = new StringBuilder("[");
    for (int i = 0; i < 500; i++) {
      text.append(i == 0 ? "" : ",\n").append("{\"id\": ").append(i).append(", \"x\": \"");
      text.append("é".repeat(i)).append("\"}");
    }
    text.append("]");
    try (DatasetIndex array = open(text.toString())) {
      assertThat(array.size()).isEqualTo(500);
      assertThat(array.entry(499).name("id")).isEqualTo("499");
    }
    String lines = text.substring(1, text.length() - 1).replace(",\n", "\n");
    try (DatasetIndex byLine = open(lines)) {
      assertThat(byLine.size()).isEqualTo(500);
      for (int i = 0; i < 500; i++) {
        assertThat(byLine.entry(i).name("id")).isEqualTo(String.valueOf(i));
      }
    }
  }

  @Test
  void keepsQuietAboutABrokenEntryUntilItIsRead() throws IOException {
    try (DatasetIndex index = open("{\"id\": 1}\n{\"id\" 2}\n{\"id\": 3, \"id\": 3}\n{}")) {
      assertThat(index.size()).isEqualTo(4);
      assertThat(index.entry(0).name("id")).isEqualTo("1");
      assertThat(index.entry(3).has("id")).isFalse();
      for (int i : new int[] {1, 2}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() -> index.entry(i))
            .withMessageStartingWith(
                temp.resolve("data.json") + ", line " + (i + 1) + ": expected one JSON object: ");
      }
    }
  }

  @Test
  void tellsOneContentFromAnother() throws IOException {
    long first;
    try (DatasetIndex index = open("[{\"id\": 1}]")) {
      first = index.checksum();
    }
    try (DatasetIndex index = open("[{\"id\": 1}]")) {
      assertThat(index.checksum()).isEqualTo(first);
    }
    try (DatasetIndex index = open("[{\"id\": 1}] ")) {
      assertThat(index.checksum()).isNotEqualTo(first);
    }
  }
}
