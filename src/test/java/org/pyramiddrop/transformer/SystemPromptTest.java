package org.pyramiddrop.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.Image;
import org.pyramiddrop.loader.Role;

/** Standing instructions against the same prompt written out. */
final class SystemPromptTest {
  private static final String SYSTEM = "You are brief .";
  private static final Options SIX = Options.defaults().withMaxTokens(6).withTopLogits(8);

  private static Question words(Fixture fixture) {
    return Question.of(
        fixture.json().get("prompts").get("oneImage").get("words").asString(),
        List.of(Image.read(fixture.image("wide"))));
  }

  private static Question written(Fixture fixture, List<ChatTurn> turns, Question question) {
    return new Question(
        ChatTemplate.read(fixture.folder()).render(turns, true), question.images(), true);
  }

  private static void assertSame(Answer actual, Answer expected) {
    assertThat(actual.promptTokens()).isEqualTo(expected.promptTokens());
    assertThat(actual.tokenIds()).isEqualTo(expected.tokenIds());
    assertThat(actual.stages()).isEqualTo(expected.stages());
    assertThat(actual.logits()).isEqualTo(expected.logits());
  }

  @ParameterizedTest
  @ValueSource(strings = {"mha-float32", "next-vicuna-float32", "next-llama3-float16"})
  void goesBeforeTheUsersFirstWords(String name) {
    try (Fixture fixture = new Fixture(name);
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      Question question = words(fixture);
      List<ChatTurn> turns =
          List.of(
              new ChatTurn(Role.SYSTEM, 0, SYSTEM), new ChatTurn(Role.USER, 1, question.prompt()));
      Answer expected = model.ask(written(fixture, turns, question), SIX);
      Answer actual = model.ask(question, SIX.withSystemPrompt(SYSTEM));
      assertSame(actual, expected);
      assertThat(actual.promptTokens()).isGreaterThan(model.ask(question, SIX).promptTokens());
      assertSame(
          model.askAll(List.of(new Request(question, SIX.withSystemPrompt(SYSTEM)))).getFirst(),
          expected);
    }
  }

  @Test
  void standsOnceBeforeAllTurnsOfAConversation() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options());
        Conversation conversation = model.converse(SIX.withSystemPrompt(SYSTEM))) {
      Question question = words(fixture);
      List<ChatTurn> turns = new ArrayList<>(List.of(new ChatTurn(Role.SYSTEM, 0, SYSTEM)));
      for (int i = 0; i < 3; i++) {
        Question next = i == 0 ? question : Question.of(question.prompt(), List.of());
        turns.add(new ChatTurn(Role.USER, next.images().size(), next.prompt()));
        Reply reply = conversation.ask(next);
        Answer fresh = model.ask(written(fixture, turns, question), SIX);
        assertThat(reply.answer().promptTokens()).isEqualTo(fresh.promptTokens());
        assertThat(reply.answer().tokenIds()).isEqualTo(fresh.tokenIds());
        assertThat(reply.reusedTokens() > 0).isEqualTo(i > 0);
        turns.add(new ChatTurn(Role.ASSISTANT, 0, reply.answer().text()));
      }
    }
  }

  @Test
  void aFamilyWithoutSystemTurnsIsNamed(@TempDir Path folder) throws IOException {
    try (Fixture fixture = new Fixture("next-mistral-bfloat16-sharded")) {
      try (DirectoryStream<Path> files = Files.newDirectoryStream(fixture.folder())) {
        for (Path file : files) {
          Files.copy(file, folder.resolve(file.getFileName()));
        }
      }
      Path template = folder.resolve("chat_template.json");
      String text = Files.readString(template);
      int branch = text.indexOf("{% if message['role'] == 'system' %}");
      int user = text.indexOf("{% elif message['role'] == 'user' %}");
      assertThat(branch).isNotNegative().isLessThan(user);
      Files.writeString(
          template, text.substring(0, branch) + text.substring(user).replaceFirst("elif", "if"));
      try (Llava model = Llava.load(folder, TestDevice.options())) {
        Question question = words(fixture);
        assertThat(model.ask(question, SIX).tokenIds()).isNotEmpty();
        assertThatThrownBy(() -> model.ask(question, SIX.withSystemPrompt(SYSTEM)))
            .isInstanceOf(ChatTemplateException.class)
            .hasMessageContaining("the mistral chat template has no system turn");
      }
    }
  }

  @Test
  void isRefusedWhereItHasNoPlace() {
    try (Fixture fixture = new Fixture("mha-float32");
        Llava model = Llava.load(fixture.folder(), TestDevice.options())) {
      assertThatThrownBy(
              () -> model.ask(fixture.question("oneImage"), SIX.withSystemPrompt(SYSTEM)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("a raw question is the whole prompt; write the system prompt into it");
      assertThatThrownBy(
              () -> model.ask(words(fixture), SIX.withSystemPrompt("look at <image> first")))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("the system prompt contains <image>");
    }
  }
}
