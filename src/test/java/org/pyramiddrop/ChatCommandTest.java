package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Role;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Questions that follow one another, over the demo checkpoint. */
class ChatCommandTest {
  private static final Path SCENES = Path.of("..", "..", "models", "scenes");
  private static final Path MODEL = SCENES.resolve("model");
  private static final String IMAGE = SCENES.resolve("heldout").resolve("0000.png").toString();
  private static final List<String> QUESTIONS =
      List.of(
          "what number is on the gray triangle ?",
          "how many triangle s are there ?",
          "what shape is cyan ?");

  @ParameterizedTest
  @ValueSource(strings = {"", "--pruning none", "--profile released --lambda .4"})
  void everyAnswerIsGeneratesForAllThatWasSaid(String flags) {
    Stream<String> pruning = flags.isEmpty() ? Stream.of() : Stream.of(flags.split(" ", -1));
    List<String> options = Stream.concat(pruning, Stream.of("--logits", "1")).toList();
    List<JsonNode> replies = chat(QUESTIONS, options).objects();

    assertThat(replies).hasSize(3);
    List<ChatTurn> turns = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      JsonNode reply = replies.get(i);
      turns.add(new ChatTurn(Role.USER, i == 0 ? 1 : 0, QUESTIONS.get(i)));
      JsonNode fresh = generate(turns, options);
      assertThat(reply.get("question").stringValue()).isEqualTo(QUESTIONS.get(i));
      for (String key : List.of("answer", "tokenIds", "promptTokens", "stages", "flops", "dtype")) {
        assertThat(reply.get(key)).as(key).isEqualTo(fresh.get(key));
      }
      assertThat(reply.get("logits").get(0).get("id"))
          .isEqualTo(fresh.get("logits").get(0).get("id"));
      turns.add(new ChatTurn(Role.ASSISTANT, 0, reply.get("answer").stringValue()));
    }
    assertThat(replies.get(0).get("reusedTokens").intValue()).isZero();
    assertThat(replies.get(0).get("saved").doubleValue()).isZero();
    for (int i = 1; i < 3; i++) {
      JsonNode reply = replies.get(i);
      assertThat(reply.get("reusedTokens").intValue())
          .isBetween(64, reply.get("promptTokens").intValue() - 1);
      assertThat(reply.get("reusedLayers").intValue()).isPositive();
      assertThat(reply.get("saved").doubleValue()).isBetween(0.1, 0.999);
    }
  }

  @Test
  void textHasTheAnswersAloneAndSaysOnStderrWhatEachWasSpared() {
    CommandRun json = chat(QUESTIONS, List.of());
    CommandRun text = run(QUESTIONS, List.of());

    assertThat(text.code()).isZero();
    assertThat(text.out().lines().toList())
        .isEqualTo(json.objects().stream().map(o -> o.get("answer").stringValue()).toList());
    List<String> spared = text.err().lines().toList();
    // The first question was spared nothing, so nothing is said of it.
    assertThat(spared).hasSize(2);
    assertThat(spared.get(0))
        .matches(
            "reused 7\\d of \\d+ tokens in 1 layer, saved [1-9]\\d\\.\\d% of the prompt's FLOPs");
  }

  @Test
  void aQuestionThatCantBeAskedIsOneLineAndAsIfItHadNotBeen() {
    String bad = "an <image> of what ?";
    CommandRun untroubled = chat(QUESTIONS, List.of());
    // The image goes with the first question that can be asked; blank lines are none.
    CommandRun json =
        chat(
            List.of(bad, QUESTIONS.get(0), "", " ", bad, QUESTIONS.get(1), QUESTIONS.get(2)),
            List.of());

    assertThat(json.code()).isEqualTo(1);
    assertThat(json.err()).isEmpty();
    List<JsonNode> lines = json.out().lines().map(JsonMapper.shared()::readTree).toList();
    assertThat(lines).hasSize(5);
    for (int i : new int[] {0, 2}) {
      assertThat(lines.get(i).propertyNames()).containsExactly("question", "error");
      assertThat(lines.get(i).get("question").stringValue()).isEqualTo(bad);
      assertThat(lines.get(i).get("error").stringValue()).contains("the prompt contains <image>");
    }
    for (String key : List.of("tokenIds", "stages", "reusedTokens", "saved")) {
      assertThat(Stream.of(1, 3, 4).map(i -> lines.get(i).get(key)).toList())
          .as(key)
          .isEqualTo(untroubled.objects().stream().map(o -> o.get(key)).toList());
    }
    CommandRun text = run(List.of(bad, QUESTIONS.get(0)), List.of());
    assertThat(text.code()).isEqualTo(1);
    assertThat(text.err().lines()).hasSize(1);
    assertThat(text.err().lines().findFirst().orElseThrow())
        .startsWith("pyramiddrop: the prompt contains <image>");
    assertThat(text.out().lines())
        .containsExactly(untroubled.objects().getFirst().get("answer").stringValue());
  }

  @Test
  void withoutAQuestionNothingIsSaid() {
    assertThat(run(List.of(), List.of())).isEqualTo(new CommandRun(0, "", ""));
  }

  private static CommandRun chat(List<String> questions, List<String> options) {
    return run(questions, Stream.concat(options.stream(), Stream.of("--format", "json")).toList());
  }

  private static CommandRun run(List<String> questions, List<String> options) {
    return CommandRun.of(
        questions,
        Stream.concat(
            Stream.of("chat", "--model", MODEL.toString(), "--image", IMAGE), options.stream()));
  }

  /** A run of its own for the conversation so far. */
  private static JsonNode generate(List<ChatTurn> turns, List<String> options) {
    Stream<String> question =
        Stream.of(
            "generate",
            "--model",
            MODEL.toString(),
            "--image",
            IMAGE,
            "--raw-prompt",
            ChatTemplate.read(MODEL).render(turns, true),
            "--format",
            "json");
    return CommandRun.of(List.of(), Stream.concat(question, options.stream())).objects().getFirst();
  }
}
