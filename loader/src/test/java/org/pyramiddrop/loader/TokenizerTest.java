package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Holds the tokenizer to what the library itself does from Python; see make_tokenizer.py. */
class TokenizerTest {
  private static final Path FOLDER =
      Fixtures.resource("/tokenizer/tokenizer.json").resolveSibling("");
  private static final JsonNode EXPECTED =
      new JsonMapper().readTree(FOLDER.resolve("expected.json"));

  private final Tokenizer tokenizer = Tokenizer.open(FOLDER);

  @AfterEach
  void close() {
    tokenizer.close();
  }

  private static int[] ids(JsonNode list) {
    return list.values().stream().mapToInt(JsonNode::intValue).toArray();
  }

  @Test
  void encodesAndDecodesAsTheLibraryDoesFromPython() {
    assertThat(EXPECTED.path("cases").size()).isEqualTo(8);
    for (JsonNode expected : EXPECTED.path("cases").values()) {
      String text = expected.path("text").stringValue();
      int[] ids = ids(expected.path("ids"));
      assertThat(tokenizer.encode(text, true)).as(text).isEqualTo(ids);
      assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(ids(expected.path("plainIds")));
      assertThat(tokenizer.decode(ids, true)).isEqualTo(expected.path("decoded").stringValue());
      assertThat(tokenizer.decode(ids, false))
          .isEqualTo(expected.path("decodedWithSpecial").stringValue());
    }
  }

  @Test
  void neitherCutsNorPadsWhateverTheFileAsksFor() {
    assertThat(tokenizer.encode("the red circle ".repeat(2000), true)).hasSizeGreaterThan(6000);
    assertThat(tokenizer.encode("", true)).containsExactly(1);
    assertThat(tokenizer.encode("", false)).isEmpty();
    assertThat(tokenizer.decode(new int[0], true)).isEmpty();
  }

  @Test
  void knowsTheIdsOfTokensThatStandForThemselves() {
    assertThat(tokenizer.id("<image>")).hasValue(EXPECTED.path("image").intValue());
    assertThat(tokenizer.id("</s>")).hasValue(2);
    assertThat(tokenizer.id("<pad>")).isEmpty();
    assertThat(tokenizer.id("数")).isEmpty();
    assertThat(tokenizer.id("")).isEmpty();
    assertThat(tokenizer.id("<image><image>")).isEmpty();
  }

  @Test
  void givesManyThreadsTheSameAnswers() throws InterruptedException, ExecutionException {
    List<String> texts = new ArrayList<>();
    List<int[]> alone = new ArrayList<>();
    Random random = new Random(3);
    for (int i = 0; i < 50; i++) {
      String text = "what number is on ".repeat(1 + random.nextInt(9)) + random.nextInt();
      texts.add(text);
      alone.add(tokenizer.encode(text, true));
    }
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<List<int[]>>> all = new ArrayList<>();
      for (int thread = 0; thread < 4; thread++) {
        all.add(
            threads.submit(
                () -> texts.stream().map(text -> tokenizer.encode(text, true)).toList()));
      }
      for (Future<List<int[]>> one : all) {
        for (int i = 0; i < alone.size(); i++) {
          assertThat(one.get().get(i)).isEqualTo(alone.get(i));
        }
      }
    }
  }

  @Test
  void closesTwiceWithoutHarmAndRefusesUseAfterwards() {
    Tokenizer other = Tokenizer.open(FOLDER);
    other.close();
    other.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> other.encode("the", true))
        .withMessageEndingWith("tokenizer.json is closed");
    assertThat(tokenizer.encode("the", true)).isNotEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "{}", "[]", "{\"model\":{\"type\":\"Nonsense\"}}"})
  void refusesABrokenFile(String json, @TempDir Path folder) throws IOException {
    Path file = Files.writeString(folder.resolve("tokenizer.json"), json);
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> Tokenizer.open(folder))
        .withMessageStartingWith(file + ": is not a tokenizer: ")
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @Test
  void saysWhichFileIsMissing(@TempDir Path folder) {
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> Tokenizer.open(folder))
        .withMessageStartingWith(folder.resolve("tokenizer.json") + ": no such file");
  }

  @Test
  void saysThatATokenizerModelAloneIsNotRead(@TempDir Path folder) throws IOException {
    Files.writeString(folder.resolve("tokenizer.model"), "");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> Tokenizer.open(folder))
        .withMessageStartingWith(
            folder.resolve("tokenizer.json") + ": no such file, only a tokenizer.model")
        .satisfies(e -> assertThat(e).message().hasLineCount(1));
  }

  @Test
  void tokenizesPiecesEachOnItsOwn() {
    int[] before = tokenizer.encode("what number ", true);
    int[] after = tokenizer.encode(" is on the red circle", false);
    assertThat(tokenizer.encodePieces("what number <image> is on the red circle", "<image>", -200))
        .isEqualTo(joined(before, new int[] {-200}, after));
    assertThat(tokenizer.encodePieces("what number ", "<image>", -200)).isEqualTo(before);
    assertThat(tokenizer.encodePieces("<image><image>", "<image>", -200))
        .containsExactly(1, -200, -200);
  }

  private static int[] joined(int[]... parts) {
    return Stream.of(parts).flatMapToInt(IntStream::of).toArray();
  }
}
