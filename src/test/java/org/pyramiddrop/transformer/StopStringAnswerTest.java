package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Role;

/** Answers with stop strings against the same answers without, cut naively. */
final class StopStringAnswerTest {
  private static final Fixture FIXTURE = new Fixture("mha-float32");
  private static final Options LONG = Options.defaults().withMaxTokens(24);

  static Stream<Long> seeds() {
    return new Random().longs(6).boxed();
  }

  private static Llava load() {
    return Llava.load(FIXTURE.folder(), TestDevice.options());
  }

  private static int first(String text, List<String> stops) {
    return stops.stream().mapToInt(text::indexOf).filter(at -> at >= 0).min().orElse(text.length());
  }

  /** Parts of a text, some with a letter changed. */
  private static List<String> stops(String text, Random random) {
    List<String> stops = new ArrayList<>();
    for (int i = random.nextInt(1, 4); i > 0; i--) {
      int from = random.nextInt(text.length());
      String part = text.substring(from, Math.min(text.length(), from + random.nextInt(1, 12)));
      stops.add(random.nextInt(3) == 0 ? part + "~" : part);
    }
    return stops;
  }

  private static void assertCut(Answer actual, Answer whole, List<String> stops) {
    int end = first(whole.text(), stops);
    assertThat(actual.text()).as("%s", stops).isEqualTo(whole.text().substring(0, end));
    assertThat(actual.finish())
        .isEqualTo(end < whole.text().length() ? Finish.STOP : whole.finish());
    // All that was generated is there, and nothing was generated once the end was certain.
    assertThat(whole.tokenIds()).startsWith(actual.tokenIds().toArray(Integer[]::new));
  }

  @ParameterizedTest(name = "seed {0}")
  @MethodSource("seeds")
  void anAnswerEndsBeforeTheFirstStopString(long seed) {
    Random random = new Random(seed);
    try (Llava model = load()) {
      Question question = FIXTURE.question(random.nextBoolean() ? "oneImage" : "textOnly");
      Answer whole = model.ask(question, LONG);
      for (int i = 0; i < 8; i++) {
        List<String> stops = stops(whole.text(), random);
        StringBuilder told = new StringBuilder();
        Answer actual =
            model.ask(
                question,
                LONG.withStop(stops),
                (id, text) -> {
                  told.append(text);
                  return true;
                });
        assertCut(actual, whole, stops);
        assertThat(told).hasToString(actual.text());
      }
    }
  }

  @Test
  void aStopStringOfSeveralTokensIsNeverTold() {
    try (Llava model = load()) {
      Question question = FIXTURE.question("oneImage");
      List<String> pieces = new ArrayList<>();
      Answer whole =
          model.ask(
              question,
              LONG,
              (id, text) -> {
                pieces.add(text);
                return true;
              });
      // From the middle of one piece into the middle of the one behind the next.
      int at = 2;
      while (pieces.get(at).length() < 2 || pieces.get(at + 2).length() < 2) {
        at++;
      }
      String stop = pieces.get(at).substring(1) + pieces.get(at + 1) + pieces.get(at + 2).charAt(0);
      List<String> told = new ArrayList<>();
      Answer actual =
          model.ask(
              question,
              LONG.withStop(stop),
              (id, text) -> {
                told.add(text);
                return true;
              });
      assertCut(actual, whole, List.of(stop));
      assertThat(actual.finish()).isEqualTo(Finish.STOP);
      assertThat(String.join("", told)).isEqualTo(actual.text()).doesNotContain(stop);
      int ended = whole.text().indexOf(stop) + stop.length();
      assertThat(actual.tokenIds()).hasSize(tokensFor(pieces, ended));
    }
  }

  /** How many pieces it takes to have so many characters. */
  private static int tokensFor(List<String> pieces, int characters) {
    int tokens = 0;
    for (int length = 0; length < characters; tokens++) {
      length += pieces.get(tokens).length();
    }
    return tokens;
  }

  @Test
  void whatMightHaveBecomeAStopStringIsToldAtTheEnd() {
    try (Llava model = load()) {
      Question question = FIXTURE.question("oneImage");
      Answer whole = model.ask(question, LONG);
      String text = whole.text();
      StringBuilder told = new StringBuilder();
      Options options = LONG.withStop(text.substring(text.length() - 3) + "~");
      Answer actual =
          model.ask(
              question,
              options,
              (id, piece) -> {
                told.append(piece);
                return true;
              });
      assertThat(actual.text()).isEqualTo(text);
      assertThat(told).hasToString(text);
      assertThat(actual.finish()).isEqualTo(Finish.LENGTH);
    }
  }

  @Test
  void eachRowOfABatchEndsAtItsOwn() {
    try (Llava model = load()) {
      Random random = new Random();
      List<Request> rows = new ArrayList<>();
      List<Answer> whole = new ArrayList<>();
      List<List<String>> stops = new ArrayList<>();
      for (String prompt : List.of("oneImage", "textOnly", "twoImages", "oneImage")) {
        Question question = FIXTURE.question(prompt);
        whole.add(model.ask(question, LONG));
        stops.add(stops(whole.getLast().text(), random));
        rows.add(new Request(question, LONG.withStop(stops.getLast())));
      }
      List<Answer> actual = model.askAll(rows);
      for (int i = 0; i < rows.size(); i++) {
        assertCut(actual.get(i), whole.get(i), stops.get(i));
      }
    }
  }

  @Test
  void aConversationGoesOnFromTheTextThatWasCut() {
    try (Llava model = load();
        Conversation conversation = model.converse(LONG)) {
      String words = FIXTURE.json().get("prompts").get("textOnly").get("words").asString();
      String whole = model.ask(Question.of(words), LONG).text();
      String stop = whole.substring(whole.length() / 2, whole.length() / 2 + 2);
      conversation.setOptions(LONG.withStop(stop));
      Answer first = conversation.ask(Question.of(words)).answer();
      assertThat(first.text()).isEqualTo(whole.substring(0, whole.indexOf(stop)));

      Answer second = conversation.ask(Question.of(words)).answer();
      List<ChatTurn> turns =
          List.of(
              new ChatTurn(Role.USER, 0, words),
              new ChatTurn(Role.ASSISTANT, 0, first.text()),
              new ChatTurn(Role.USER, 0, words));
      String prompt = ChatTemplate.read(FIXTURE.folder()).render(turns, true);
      Answer fresh = model.ask(new Question(prompt, List.of(), true), LONG.withStop(stop));
      assertThat(second.promptTokens()).isEqualTo(fresh.promptTokens());
      assertThat(second.tokenIds()).isEqualTo(fresh.tokenIds());
      assertThat(second.text()).isEqualTo(fresh.text());
    }
  }
}
