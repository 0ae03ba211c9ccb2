package org.pyramiddrop.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Role;

class TrainingDataTest {
  private static final String GOOD =
      "{'id': 'good', 'conversations': [{'from': 'human', 'value': 'q'},"
          + " {'from': 'gpt', 'value': 'a'}]}";

  private static final String VICUNA =
      "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
          + "{% for part in message['content'] | selectattr('type', 'equalto', 'image') %}"
          + "{{ '<image>' }}{% endfor %}"
          + "{% for part in message['content'] | selectattr('type', 'equalto', 'text') %}"
          + "{{ part['text'] }}{% endfor %}{% endfor %}";

  @TempDir private Path folder;
  private Path images;
  private final List<String> skipped = new ArrayList<>();

  @BeforeEach
  void makeImages() throws IOException {
    images = Files.createDirectories(folder.resolve("images"));
    Files.createDirectories(images.resolve("coco"));
    for (String name : List.of("a.png", "b.png", "größe 🙂.png", "coco/c.jpg")) {
      Files.createFile(images.resolve(name));
    }
    Files.createFile(folder.resolve("outside.png"));
  }

  private TrainingData open(BadSamples bad, String json) throws IOException {
    return open(bad, json.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  private TrainingData open(BadSamples bad, byte[] content) throws IOException {
    Files.writeString(folder.resolve("chat_template.jinja"), VICUNA);
    Path file = Files.write(folder.resolve("data.json"), content);
    return TrainingData.open(file, images, ChatTemplate.read(folder), bad, skipped::add);
  }

  private static String sample(String image, String... turns) {
    StringBuilder json = new StringBuilder("{'id': 'x1', ");
    json.append(image.isEmpty() ? "" : "'image': " + image + ", ").append("'conversations': [");
    for (int i = 0; i < turns.length; i++) {
      json.append(i == 0 ? "" : ", ")
          .append(
              "{'from': '%s', 'value': '%s'}".formatted(i % 2 == 0 ? "human" : "gpt", turns[i]));
    }
    return json.append("]}").toString();
  }

  private static ChatTurn user(int images, String text) {
    return new ChatTurn(Role.USER, images, text);
  }

  private static ChatTurn answer(String text) {
    return new ChatTurn(Role.ASSISTANT, 0, text);
  }

  @Test
  void readsPicturesWhereTheyStand() throws IOException {
    String json =
        sample(
            "['a.png', 'coco/c.jpg', 'größe 🙂.png', 'a.png']",
            "<image>\\n What? ",
            " A dog \\n",
            "and <image> or <image>?",
            "the 🙂 second",
            "",
            "x",
            "<image>",
            "y");
    try (TrainingData data = open(BadSamples.STOP, "[" + json + "]")) {
      assertThat(data.size()).isEqualTo(1);
      TrainingSample sample = data.sample(0);
      assertThat(sample.id()).isEqualTo("x1");
      assertThat(sample.where()).isEqualTo(folder.resolve("data.json") + ", line 1, [0], id x1");
      assertThat(sample.images())
          .containsExactly(
              images.resolve("a.png"),
              images.resolve("coco/c.jpg"),
              images.resolve("größe 🙂.png"),
              images.resolve("a.png"));
      assertThat(sample.turns())
          .containsExactly(
              user(1, "What?"),
              answer(" A dog \n"),
              user(2, "and  or ?"),
              answer("the 🙂 second"),
              user(0, ""),
              answer("x"),
              user(1, ""),
              answer("y"));
    }
  }

  @Test
  void takesOneNameNoneAndNull() throws IOException {
    String lines =
        String.join(
            "\n",
            sample("'a.png'", "<image>q", "a"),
            sample("", "q", "a"),
            sample("null", "q", "a"),
            sample("[]", "q", "a"),
            sample("'coco/../b.png'", "<image>", "a"));
    try (TrainingData data = open(BadSamples.STOP, lines)) {
      assertThat(data.size()).isEqualTo(5);
      assertThat(data.sample(0).images()).containsExactly(images.resolve("a.png"));
      for (int i = 1; i < 4; i++) {
        assertThat(data.sample(i).images()).isEmpty();
      }
      assertThat(data.sample(4).images()).containsExactly(images.resolve("b.png"));
    }
  }

  @Test
  void leavesOutWhatFollowsTheLastAnswer() throws IOException {
    String json = sample("['a.png', 'b.png']", "<image>q", "a", "<image>and?");
    try (TrainingData data = open(BadSamples.STOP, json)) {
      assertThat(data.sample(0).turns()).containsExactly(user(1, "q"), answer("a"));
      assertThat(data.sample(0).images()).containsExactly(images.resolve("a.png"));
    }
  }

  static List<String> layouts() {
    String one = sample("'a.png'", "<image>\\nWhat?", "ä🙂");
    String two = one.replace("x1", "x2");
    String array = "[\n " + one + ",\n" + two + "\n]\n";
    String lines = one + "\n\n  \n" + two;
    List<String> layouts = new ArrayList<>();
    for (String json : List.of(array, lines, lines + "\n", array.replace("\n", ""))) {
      layouts.add(json);
      layouts.add("\uFEFF" + json);
      layouts.add(json.replace("\n", "\r\n"));
      layouts.add("\uFEFF \r\n\r\n" + json.replace("\n", "\r\n") + "\r\n ");
    }
    return layouts;
  }

  @ParameterizedTest
  @MethodSource("layouts")
  void readsArraysAndLinesInAnyOrder(String json) throws IOException {
    try (TrainingData data = open(BadSamples.STOP, json)) {
      assertThat(data.size()).isEqualTo(2);
      for (int i : new int[] {1, 0, 1}) {
        assertThat(data.sample(i).id()).isEqualTo("x" + (i + 1));
        assertThat(data.sample(i).turns()).containsExactly(user(1, "What?"), answer("ä🙂"));
      }
    }
  }

  @Test
  void takesNumbersForIdsAndTheLineForWantOfOne() throws IOException {
    String lines =
        GOOD.replace("'good'", "17") + "\n\n" + GOOD.replace("'id': 'good', ", "") + "\n" + GOOD;
    try (TrainingData data = open(BadSamples.STOP, lines)) {
      assertThat(data.sample(0).id()).isEqualTo("17");
      assertThat(data.sample(1).id()).isEqualTo("3");
      assertThat(data.sample(1).where()).endsWith("data.json, line 3");
      assertThat(data.sample(2).where()).endsWith("data.json, line 4, id good");
    }
  }

  @Test
  void takesASystemTurnWhereTheTemplateHasOne() throws IOException {
    String json = GOOD.replace("[{", "[{'from': 'system', 'value': 'Be brief. '}, {");
    try (TrainingData data = open(BadSamples.STOP, json)) {
      assertThat(data.sample(0).turns().getFirst())
          .isEqualTo(new ChatTurn(Role.SYSTEM, 0, "Be brief. "));
    }
    String twice = json.replace("[{", "[{'from': 'system', 'value': 'Be good.'}, {");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(BadSamples.STOP, twice))
        .withMessageEndingWith(
            "id good, conversations[1]: expected \"from\" to be \"human\", since turns alternate"
                + " and a question begins, but it is another");
    Path data = folder.resolve("data.json");
    Files.writeString(data, json.replace('\'', '"'));
    Files.delete(folder.resolve("chat_template.jinja"));
    ChatTemplate none = ChatTemplate.read(folder);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TrainingData.open(data, images, none, BadSamples.STOP, skipped::add))
        .withMessage(
            data
                + ", line 1, id good, conversations[0]: the model's chat template has no place for"
                + " a system turn");
  }

  static List<List<String>> bad() {
    String turn = "conversations[%d]: expected \"%s\" to be %s, but it is %s";
    String human = "\"human\", since turns alternate and a question begins";
    String gpt = "\"gpt\", since turns alternate and a question begins";
    String turns = "expected \"conversations\" to be an array of at least one object, but it is ";
    String names = "expected \"image\" to be a file's name or an array of them, but it is another";
    return List.of(
        List.of(
            sample("", "q"), "with an answer (\"from\": \"gpt\") among them, but it is another"),
        List.of(
            sample("", "q", " \\n\\t"),
            turn.formatted(1, "value", "an answer that is not blank", "another")),
        List.of(
            sample("", "q", ""),
            turn.formatted(1, "value", "an answer that is not blank", "another")),
        List.of(
            sample("", "q", "an <image>"),
            "conversations[1]: <image> stands for a picture, and only a question may have one"),
        List.of(
            sample("'a.png'", "<im<image>age>", "a"),
            "conversations[0]: <image> stands for a picture, and only a question may have one"),
        List.of(
            sample("", "q", "a").replace("human", "gpt"),
            turn.formatted(0, "from", human, "another")),
        List.of(
            sample("", "q", "a").replace("gpt", "human"),
            turn.formatted(1, "from", gpt, "another")),
        List.of(
            sample("", "q", "a").replace("gpt", "system"),
            turn.formatted(1, "from", gpt, "another")),
        List.of(
            sample("", "q", "a").replace("'from': 'gpt', ", ""),
            turn.formatted(1, "from", "a string that is not blank", "missing")),
        List.of(
            sample("", "q", "a").replace("'a'", "7"),
            turn.formatted(1, "value", "a string", "another")),
        List.of(
            sample("", "q", "a").replace("'a'", "null"),
            turn.formatted(1, "value", "a string", "another")),
        List.of(
            sample("'a.png'", "q", "a"),
            "\"image\" names 1 picture, but <image> has 0 places in the questions"),
        List.of(
            sample("", "<image>q", "a"),
            "\"image\" names 0 pictures, but <image> has 1 place in the questions"),
        List.of(
            sample("['a.png', 'b.png']", "<image>q", "a"),
            "\"image\" names 2 pictures, but <image> has 1 place in the questions"),
        List.of(
            sample("'a.png'", "<image><image>", "a"),
            "\"image\" names 1 picture, but <image> has 2 places in the questions"),
        List.of(sample("'no.png'", "<image>q", "a"), ": no image no.png in "),
        List.of(sample("'coco'", "<image>q", "a"), ": no image coco in "),
        List.of(
            sample("'../outside.png'", "<image>q", "a"),
            "to be a path inside the images' folder, not \"../outside.png\""),
        List.of(
            sample("'coco/../../outside.png'", "<image>q", "a"),
            "to be a path inside the images' folder, not "),
        List.of(
            sample("'/etc/hostname'", "<image>q", "a"),
            "to be a path inside the images' folder, not "),
        List.of(
            sample("'a.png\\u0000'", "<image>q", "a"),
            "to be a file's name (Nul character not allowed)"),
        List.of(sample("7", "<image>q", "a"), names),
        List.of(sample("['a.png', 7]", "<image><image>q", "a"), names),
        List.of(sample("['a.png', null]", "<image><image>q", "a"), names),
        List.of(sample("' '", "<image>q", "a"), names),
        List.of("{'id': 'x1'}", turns + "missing"),
        List.of("{'id': 'x1', 'conversations': []}", turns + "another"),
        List.of("{'id': 'x1', 'conversations': {'from': 'human'}}", turns + "another"),
        List.of(
            "{'id': 'x1', 'conversations': ['q', 'a']}",
            "conversations[0]: expected \"from\" to be a string that is not blank, but the line is no object"));
  }

  @ParameterizedTest
  @MethodSource("bad")
  void saysWhatIsWrongWithASample(List<String> bad) throws IOException {
    String json = bad.get(0);
    for (String layout : List.of("[\n%s,\n%s]", "%s\n%s\n")) {
      String content = layout.formatted(GOOD, json);
      Path file = folder.resolve("data.json");
      String where =
          content.startsWith("[") ? file + ", line 3, [1], id x1" : file + ", line 2, id x1";
      assertThatIllegalArgumentException()
          .isThrownBy(() -> open(BadSamples.STOP, content))
          .withMessageStartingWith(where)
          .withMessageContaining(bad.get(1));
      skipped.clear();
      try (TrainingData data = open(BadSamples.SKIP, content)) {
        assertThat(data.size()).isEqualTo(1);
        assertThat(data.skipped()).isEqualTo(1);
        assertThat(data.sample(0).id()).isEqualTo("good");
        assertThat(skipped)
            .singleElement()
            .asString()
            .startsWith(where)
            .contains(bad.get(1))
            .doesNotContain("\n");
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> open(BadSamples.SKIP, json))
          .withMessage(file + ": all of its 1 samples are bad");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "{'id': 'x1', 'id': 'x2'} | expected one JSON object: Duplicate Object property \"id\"",
        "{'id': 'x1' 'image'} | expected one JSON object: Unexpected character",
        "{'id': 'x1' | expected one JSON object: Unexpected end-of-input",
        "{'id': 'x1'} {} | expected one JSON object: something follows it",
        "7 | to be an array of at least one object, but the line is no object",
        "{'id': {}} | expected \"id\" to be a string that is not blank, but it is another",
      })
  void skipsALineThatIsNoObject(String line, String problem) throws IOException {
    String content = GOOD + "\n" + line.replace('`', '\'') + "\n" + GOOD;
    Path file = folder.resolve("data.json");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(BadSamples.STOP, content))
        .withMessageStartingWith(file + ", line 2: ")
        .withMessageContaining(problem);
    skipped.clear();
    try (TrainingData data = open(BadSamples.SKIP, content)) {
      assertThat(data.size()).isEqualTo(2);
      assertThat(data.sample(1).where()).isEqualTo(file + ", line 3, id good");
      assertThat(skipped)
          .singleElement()
          .asString()
          .startsWith(file + ", line 2: ")
          .contains(problem);
    }
  }

  @Test
  void skipsAnElementWithAKeyTwice() throws IOException {
    String json = "[" + GOOD.replace("'id'", "'id': 'x', 'id'") + ",\n" + GOOD + "]";
    try (TrainingData data = open(BadSamples.SKIP, json)) {
      assertThat(data.size()).isEqualTo(1);
      assertThat(skipped)
          .singleElement()
          .asString()
          .startsWith(
              folder.resolve("data.json")
                  + ", line 1, [0]: expected one JSON object: Duplicate Object property");
    }
  }

  @Test
  void skipsALineThatIsNoUtf8() throws IOException {
    byte[] json =
        (GOOD.replace("'q'", "'\u00ff'") + "\n" + GOOD)
            .replace('\'', '"')
            .getBytes(StandardCharsets.ISO_8859_1);
    try (TrainingData data = open(BadSamples.SKIP, json)) {
      assertThat(data.size()).isEqualTo(1);
      assertThat(skipped)
          .containsExactly(
              folder.resolve("data.json") + ", line 1: not UTF-8, which JSON has to be");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[G, | , line 1: not valid JSON: Unexpected end-of-input",
        "[G,\\n{'id' 7}] | , line 2: not valid JSON: Unexpected character",
        "[G]\\n[] | , line 2: something follows the array",
        "[] |  holds no sample",
        "'' |  holds no sample",
        "' \\n' |  holds no sample",
      })
  void refusesAFileThatHoldsNothingWhole(String content, String problem) {
    String json = content.replace("\\n", "\n").replace("G", GOOD);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(BadSamples.SKIP, json))
        .withMessageStartingWith(folder.resolve("data.json").toString())
        .withMessageContaining(problem);
    assertThat(skipped).isEmpty();
  }

  @Test
  void refusesOtherEncodings() {
    assertThatIllegalArgumentException()
        .isThrownBy(
            () -> open(BadSamples.SKIP, ("[" + GOOD + "]").getBytes(StandardCharsets.UTF_16LE)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(BadSamples.SKIP, GOOD.getBytes(StandardCharsets.UTF_16)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"none.json", "images"})
  void refusesWhatIsNoFile(String name) {
    Path file = folder.resolve(name);
    ChatTemplate template = ChatTemplate.read(folder);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TrainingData.open(file, images, template, BadSamples.STOP, skipped::add))
        .withMessageStartingWith(file + ": ");
  }

  @Test
  void refusesAFolderOfImagesThatIsNone() throws IOException {
    Path file = Files.writeString(folder.resolve("data.json"), GOOD.replace('\'', '"'));
    Path none = folder.resolve("none");
    ChatTemplate template = ChatTemplate.read(folder);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> TrainingData.open(file, none, template, BadSamples.STOP, skipped::add))
        .withMessageContaining("no folder of images at " + none);
  }

  @Test
  void writesHostileNamesInOneLine() throws IOException {
    String hostile = GOOD.replace("good", "a\\nb\\u001b[2J" + "c".repeat(5000)).replace("'a'", "7");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> open(BadSamples.STOP, hostile))
        .withMessageContaining("id a\\u000ab\\u001b[2Jccc")
        .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(2100).doesNotContain("\n"));
  }

  @Test
  void refusesAFileThatChangesMeanwhile() throws IOException {
    try (TrainingData data = open(BadSamples.STOP, GOOD)) {
      Path file = folder.resolve("data.json");
      Files.setLastModifiedTime(file, FileTime.fromMillis(1));
      assertThatIllegalArgumentException()
          .isThrownBy(() -> data.sample(0))
          .withMessage(file + " changed while it was in use; begin again");
    }
  }

  @Test
  void tellsOneSetOfSamplesFromAnother() throws IOException {
    long same;
    try (TrainingData data = open(BadSamples.STOP, GOOD + "\n" + GOOD)) {
      same = data.checksum();
    }
    try (TrainingData data = open(BadSamples.STOP, GOOD + "\n" + GOOD)) {
      assertThat(data.checksum()).isEqualTo(same);
    }
    try (TrainingData data = open(BadSamples.STOP, GOOD + "\n" + GOOD.replace("'q'", "'p'"))) {
      assertThat(data.checksum()).isNotEqualTo(same);
    }
    String pictures = GOOD + "\n" + sample("'b.png'", "<image>", "a");
    try (TrainingData data = open(BadSamples.SKIP, pictures)) {
      same = data.checksum();
    }
    Files.delete(images.resolve("b.png"));
    try (TrainingData data = open(BadSamples.SKIP, pictures)) {
      assertThat(data.checksum()).isNotEqualTo(same);
    }
  }

  @Test
  void readsALongFileInAnyOrder() throws IOException {
    StringBuilder array = new StringBuilder("[");
    for (int i = 0; i < 3000; i++) {
      array
          .append(i == 0 ? "\n" : ",\r\n\t")
          .append(GOOD.replace("good", "n" + i).replace("'a'", "'" + "ä🙂".repeat(i % 200) + "a'"));
    }
    try (TrainingData data = open(BadSamples.STOP, array.append("\n]").toString())) {
      for (int i : SampleOrder.of(1, 0, data.size())) {
        TrainingSample sample = data.sample(i);
        assertThat(sample.id()).isEqualTo("n" + i);
        assertThat(sample.where()).contains(", line " + (i + 2) + ", [" + i + "], id n" + i);
        assertThat(sample.turns().getLast().text()).isEqualTo("ä🙂".repeat(i % 200) + "a");
      }
    }
  }
}
