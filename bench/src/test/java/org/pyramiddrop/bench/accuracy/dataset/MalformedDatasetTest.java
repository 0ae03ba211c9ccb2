package org.pyramiddrop.bench.accuracy.dataset;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class MalformedDatasetTest {
  private static final String GOOD_JSONL =
      "{\"image\": \"a.jpg\", \"question\": \"what?\", \"answers\": [\"red\"]}\n";
  private static final String GOOD_POPE =
      "{\"question_id\": 1, \"image\": \"a.jpg\", \"text\": \"a dog?\", \"label\": \"no\"}\n";

  @TempDir private Path temp;

  @BeforeEach
  void addAnImage() throws IOException {
    Files.createFile(temp.resolve("a.jpg"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'image': 'a.jpg', 'question': 'what?'}|\"answers\"",
        "{'image': 'a.jpg', 'question': 'what?', 'answers': []}|\"answers\"",
        "{'image': 'a.jpg', 'question': 'what?', 'answers': 'red'}|\"answers\"",
        "{'image': 'a.jpg', 'question': 'what?', 'answers': {'0': 'red'}}|\"answers\"",
        "{'image': 'a.jpg', 'question': 'what?', 'answers': ['red', 4]}|\"answers\"",
        "{'image': 'a.jpg', 'question': 'what?', 'answers': ['red', ' ']}|\"answers\"",
        "{'image': 'a.jpg', 'question': 'what?', 'answers': ['red', null]}|\"answers\"",
        "{'image': 'a.jpg', 'answers': ['red']}|\"question\"",
        "{'image': 'a.jpg', 'question': ' ', 'answers': ['red']}|\"question\"",
        "{'image': 'a.jpg', 'question': null, 'answers': ['red']}|\"question\"",
        "{'question': 'what?', 'answers': ['red']}|\"image\"",
        "{'image': ['a.jpg'], 'question': 'what?', 'answers': ['red']}|\"image\"",
        "{'image': '../a.jpg', 'question': 'what?', 'answers': ['red']}|../a.jpg",
        "{'image': 'x/../../a.jpg', 'question': 'what?', 'answers': ['red']}|inside",
        "{'image': '/pictures/a.jpg', 'question': 'what?', 'answers': ['red']}|/pictures/a.jpg",
        "{'image': '.', 'question': 'what?', 'answers': ['red']}|inside",
        "{'image': 'a\\u0000.jpg', 'question': 'what?', 'answers': ['red']}|a file's name",
        "{'id': '1', 'image': 'a.jpg', 'question': 'what?', 'answers': ['red']}|\"1\" has been",
        "{'id': 1.5, 'image': 'a.jpg', 'question': 'what?', 'answers': ['red']}|\"id\"",
        "{'image': 'a.jpg', 'image': 'a.jpg', 'question': 'what?', 'answers': ['red']}|image",
        "{'image': 'a.jpg', 'question': 'what?', 'answers': ['red']} {}|one JSON object",
        "{'image': 'a.jpg', 'question': 'what?'|one JSON object",
        "['image']|no object",
        "red|one JSON object"
      })
  void namesTheLineOfABadQuestion(String line, String named) throws IOException {
    write(GOOD_JSONL + "\n" + line.replace('\'', '"') + "\n");
    refused(DatasetFormat.JSONL)
        .hasMessageContaining("questions.jsonl, line 3")
        .hasMessageContaining(named);
    refused(DatasetFormat.AUTO).hasMessageContaining("questions.jsonl, line 3");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "'label': 'no'|'label': 'maybe'|\"yes\" or \"no\"",
        "'label': 'no'|'label': true|\"label\"",
        "'label'|'answer'|\"label\"",
        "'question_id': 2|'question_id': 1|\"1\" has been",
        "'question_id': 2|'question_id': null|\"question_id\"",
        "'image'|'photo'|\"image\"",
        "'text'|'question'|\"text\""
      },
      quoteCharacter = '`')
  void namesTheLineOfABadPopeQuestion(String good, String bad, String named) throws IOException {
    String second = GOOD_POPE.replace(": 1,", ": 2,");
    String broken = second.replace(good.replace('\'', '"'), bad.replace('\'', '"'));
    write(GOOD_POPE + broken);
    refused(DatasetFormat.POPE)
        .hasMessageContaining("questions.jsonl, line 2")
        .hasMessageContaining(named);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'question_id': 2, 'image_id': 'a', 'question': 'what?'}|line 3, data[1]|\"answers\"",
        "{'question_id': 1, 'image_id': 'a', 'question': '?', 'answers': ['']}|data[1]|\"1\" has",
        "{'image_id': 'a', 'question': 'what?', 'answers': ['red']}|data[1]|\"question_id\"",
        "{'question_id': 2, 'question': 'what?', 'answers': ['red']}|data[1]|\"image_id\"",
        "{'question_id': 2, 'image_id': '../a', 'question': '?', 'answers': ['']}|data[1]|../a",
        "{'question_id': 2, 'image_id': 'a', 'answers': ['red']}|line 3, data[1]|\"question\"",
        "7|line 3, data[1]|no object",
        "{'question_id': 2, 'question_id': 3}|line 3|question_id",
        "oops|line 3|not valid JSON",
        "{'question_id': 2|line 4|not valid JSON"
      })
  void namesTheElementOfABadTextVqaQuestion(String element, String where, String named)
      throws IOException {
    write(
        """
        {"data": [
          {"question_id": 1, "image_id": "a", "question": "what?", "answers": ["red"]},
          %s
        ]}
        """
            .formatted(element.replace('\'', '"')));
    refused(DatasetFormat.TEXTVQA).hasMessageContaining(where).hasMessageContaining(named);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {"{'data': 3}", "{'data': {}}", "[1]", "{'more': []}", "7"})
  void refusesATextVqaFileWithoutItsArray(String content) throws IOException {
    write(content.replace('\'', '"'));
    refused(DatasetFormat.TEXTVQA).hasMessageContaining("array \"data\"");
  }

  @Test
  void refusesWhatFollowsATextVqaFile() throws IOException {
    write(
        """
        {"data": [{"question_id": 1, "image_id": "a", "question": "?", "answers": ["red"]}]}
        {"data": []}
        """);
    refused(DatasetFormat.TEXTVQA).hasMessageContaining("line 2").hasMessageContaining("follows");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'image': 'a.jpg', 'question': 'what?'}|[image, question]",
        "{'data': 1}|[data]",
        "[]|found none",
        "hello|not valid JSON"
      })
  void saysWhatAFileOfNoKnownFormatLacks(String content, String named) throws IOException {
    write(content.replace('\'', '"'));
    refused(DatasetFormat.AUTO).hasMessageContaining("line 1").hasMessageContaining(named);
  }

  @ParameterizedTest
  @EnumSource
  void refusesAnEmptyFile(DatasetFormat format) throws IOException {
    write("\n");
    refused(format).hasMessageContaining("questions.jsonl");
  }

  @Test
  void refusesATextVqaFileWithoutAQuestion() throws IOException {
    write("{\"data\": []}");
    refused(DatasetFormat.TEXTVQA).hasMessageContaining("holds no question");
  }

  @Test
  void refusesTextThatIsNotUtf8() throws IOException {
    byte[] latin1 = GOOD_JSONL.replace("red", "grün").getBytes(StandardCharsets.ISO_8859_1);
    Files.write(temp.resolve("questions.jsonl"), latin1);
    refused(DatasetFormat.JSONL).hasMessageContaining("not UTF-8");
  }

  @Test
  void countsMissingImagesAndNamesTheFirst() throws IOException {
    write(
        GOOD_JSONL
            + GOOD_JSONL.replace("a.jpg", "b.jpg")
            + GOOD_JSONL.replace("a.jpg", "c.jpg")
            + GOOD_JSONL.replace("a.jpg", "b.jpg"));
    refused(DatasetFormat.AUTO)
        .hasMessageContaining("2 of 3 images")
        .hasMessageContaining("first is b.jpg");
  }

  @Test
  void countsAFolderAsAMissingImage() throws IOException {
    Files.createDirectory(temp.resolve("b.jpg"));
    write(GOOD_JSONL.replace("a.jpg", "b.jpg"));
    refused(DatasetFormat.AUTO).hasMessageContaining("1 of 1 images");
  }

  @Test
  void keepsImagesInsideAFolderThatIsNamedRelatively() throws IOException {
    write(GOOD_JSONL.replace("a.jpg", "../pom.xml"));
    Path file = temp.resolve("questions.jsonl");
    assertThatThrownBy(() -> Dataset.read(file, DatasetFormat.AUTO, Path.of("..")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("inside the images' folder");
  }

  @Test
  void refusesAFolderOfImagesThatIsNone() throws IOException {
    write(GOOD_POPE);
    refused(DatasetFormat.AUTO).hasMessageContaining("val2014");
  }

  @Test
  void refusesAPathWithoutQuestions() {
    refused(DatasetFormat.AUTO)
        .hasMessageContaining("questions.jsonl")
        .hasMessageContaining("name a file");
    Path none = temp.resolve("none.json");
    assertThatThrownBy(() -> Dataset.read(none, DatasetFormat.TEXTVQA, temp))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("none.json");
  }

  private void write(String content) throws IOException {
    Files.writeString(temp.resolve("questions.jsonl"), content);
  }

  private AbstractThrowableAssert<?, ? extends Throwable> refused(DatasetFormat format) {
    Path images = format == DatasetFormat.AUTO ? null : temp;
    return assertThatThrownBy(() -> Dataset.read(temp, format, images))
        .isInstanceOf(IllegalArgumentException.class)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
  }
}
