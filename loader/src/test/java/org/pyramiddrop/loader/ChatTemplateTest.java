package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Holds rendered conversations to what Jinja makes of the same templates; see make_chats.py. */
class ChatTemplateTest {
  private static final JsonNode EXPECTED =
      new JsonMapper().readTree(Fixtures.resource("/chats/expected.json"));
  private static final List<ChatTurn> QUESTION = List.of(new ChatTurn(Role.USER, 1, "Why?"));

  @TempDir Path folder;

  private static String template(String name) {
    return EXPECTED.path("templates").path(name).path("template").stringValue();
  }

  private ChatTemplate read(String template) throws IOException {
    Files.writeString(folder.resolve("chat_template.jinja"), template);
    return ChatTemplate.read(folder);
  }

  private void write(String file, String key, Object value) throws IOException {
    String json = new JsonMapper().writeValueAsString(Map.of(key, value));
    Files.writeString(folder.resolve(file), json);
  }

  private static List<ChatTurn> turns(JsonNode conversation) {
    List<ChatTurn> turns = new ArrayList<>();
    for (JsonNode turn : conversation.values()) {
      Role role = Role.valueOf(turn.get(0).stringValue().toUpperCase(Locale.ROOT));
      turns.add(new ChatTurn(role, turn.get(1).intValue(), turn.get(2).stringValue()));
    }
    return turns;
  }

  @ParameterizedTest
  @CsvSource({
    "llava-1.5, vicuna",
    "llava-1.5-older, vicuna",
    "scenes, vicuna",
    "spaced, vicuna",
    "lines, vicuna",
    "llava-1.6-vicuna, vicuna with system prompt",
    "llava-1.6-mistral, mistral",
    "llava-1.6-mistral-older, mistral",
    "llama3-llava-next, llama-3",
    "chatml, role headers"
  })
  void rendersAsJinjaDoes(String name, String family) throws IOException {
    ChatTemplate template = read(template(name));
    assertThat(template.name()).isEqualTo(family);
    JsonNode expected = EXPECTED.path("templates").path(name);
    for (int i = 0; i < EXPECTED.path("conversations").size(); i++) {
      List<ChatTurn> turns = turns(EXPECTED.path("conversations").get(i));
      if (expected.path("asked").get(i).isNull()) {
        assertThatExceptionOfType(ChatTemplateException.class)
            .isThrownBy(() -> template.render(turns, true))
            .withMessageContaining("has no system turn");
        assertThat(template.has(Role.SYSTEM)).isFalse();
      } else {
        assertThat(turns).allMatch(turn -> template.has(turn.role()));
        assertThat(template.render(turns, true))
            .isEqualTo(expected.path("asked").get(i).stringValue());
        assertThat(template.render(turns, false))
            .isEqualTo(expected.path("plain").get(i).stringValue());
      }
    }
  }

  @Test
  void writesTheQuestionsOfTheKnownModels() throws IOException {
    assertThat(read(template("llava-1.5")).render(QUESTION, true))
        .isEqualTo("USER: <image>\nWhy? ASSISTANT:");
    assertThat(read(template("scenes")).render(QUESTION, true))
        .isEqualTo("USER: <image> Why? ASSISTANT:");
    assertThat(read(template("llava-1.6-mistral")).render(QUESTION, true))
        .isEqualTo("[INST] <image>\nWhy? [/INST]");
    assertThat(read(template("llama3-llava-next")).render(QUESTION, true))
        .isEqualTo(
            "<|start_header_id|>user<|end_header_id|>\n\n<image>\nWhy?<|eot_id|>"
                + "<|start_header_id|>assistant<|end_header_id|>\n\n");
  }

  @Test
  void refusesImagesWhereTheTemplateHasNoPlaceForThem() throws IOException {
    ChatTemplate template = read(template("llava-1.6-mistral"));
    assertThatExceptionOfType(ChatTemplateException.class)
        .isThrownBy(() -> template.render(List.of(new ChatTurn(Role.ASSISTANT, 1, "")), true))
        .withMessageContaining("takes no images in a turn of the assistant");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "{{ messages[0]['content'] }}",
        "{% for message in messages %}{{ message['content'] }}{% endfor %}",
        "USER: {{ 'ASSISTANT:' }} [INST]",
        "{% for message in messages %}",
        "\u0002\u0003"
      })
  void asksForARawPromptWhereTheTemplateIsUnknown(String unknown) throws IOException {
    ChatTemplate template = read(unknown);
    assertThat(template.name()).isEqualTo("none");
    assertThatExceptionOfType(ChatTemplateException.class)
        .isThrownBy(() -> template.render(QUESTION, true))
        .withMessageContaining("chat_template.jinja")
        .withMessageContaining("no known family")
        .withMessageContaining("raw prompt");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "!= 'system' | != 'user'",
        ".upper() | .lower()",
        "'equalto', 'image' | 'equalto', 'video'",
        "content['text'] + ' ' | content['text'].strip() + ' '",
        "{% if add_generation_prompt %} | {% if not add_generation_prompt %}",
        "{% for message in messages %} | {% for message in messages[1:] %}",
        "{{ 'ASSISTANT:' }} | {{ 'ASSISTANT:' ~ bos_token }}",
        "{% endgeneration %} | {{ eos_token }}{% endgeneration %}",
        "'<image>\\n' | '<image>\\x0a'"
      })
  void takesNoTemplateThatDiffersInMoreThanSpelling(String from, String to) throws IOException {
    String known = template("llava-1.5");
    assertThat(known).contains(from);
    assertThat(read(known.replace(from, to)).name()).isEqualTo("none");
  }

  @Test
  void asksForARawPromptWhereThereIsNoTemplate() throws IOException {
    write("tokenizer_config.json", "bos_token", "<s>");
    ChatTemplate template = ChatTemplate.read(folder);
    assertThatExceptionOfType(ChatTemplateException.class)
        .isThrownBy(() -> template.render(QUESTION, true))
        .withMessageStartingWith(folder + ": has no chat template")
        .withMessageContaining("raw prompt");
  }

  @Test
  void findsTheTemplateInEachOfItsPlaces() throws IOException {
    write("tokenizer_config.json", "chat_template", template("llama3-llava-next"));
    assertThat(ChatTemplate.read(folder).name()).isEqualTo("llama-3");
    write("processor_config.json", "chat_template", template("llava-1.6-vicuna"));
    assertThat(ChatTemplate.read(folder).name()).isEqualTo("vicuna with system prompt");
    write("chat_template.json", "chat_template", template("llava-1.6-mistral"));
    assertThat(ChatTemplate.read(folder).name()).isEqualTo("mistral");
    assertThat(read(template("scenes")).name()).isEqualTo("vicuna");
  }

  @Test
  void takesTheDefaultOfSeveralNamedTemplates() throws IOException {
    List<Map<String, String>> named =
        List.of(
            Map.of("name", "tool_use", "template", "{{ tools }}"),
            Map.of("name", "default", "template", template("scenes")));
    write("tokenizer_config.json", "chat_template", named);
    assertThat(ChatTemplate.read(folder).name()).isEqualTo("vicuna");
  }

  @ParameterizedTest
  @ValueSource(strings = {"llava-1.5", "lines", "llava-1.6-mistral", "llama3-llava-next"})
  void readsATemplateWithOtherLineEndsAndAByteOrderMarkAsTheSame(String name) throws IOException {
    String template = template(name);
    List<ChatTurn> two = List.of(QUESTION.get(0), new ChatTurn(Role.ASSISTANT, 0, "So."));
    String family = read(template).name();
    String rendered = read(template).render(two, true);
    for (String lineEnd : List.of("\r\n", "\r")) {
      String otherwise = "\uFEFF" + template.replace("\n", lineEnd) + lineEnd;
      assertThat(read(otherwise).name()).isEqualTo(family);
      assertThat(read(otherwise).render(two, true)).isEqualTo(rendered);
      Files.delete(folder.resolve("chat_template.jinja"));
      // Jinja makes all line ends one, also those of a template inside JSON.
      write("chat_template.json", "chat_template", template.replace("\n", lineEnd));
      assertThat(ChatTemplate.read(folder).render(two, true)).isEqualTo(rendered);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"quoted", "escapes", "{{", "{%", "{#", "unclosed", "parts loops", "words", "["})
  void knowsInMillisecondsThatAHugeTemplateIsOfNoFamily(String kind) throws IOException {
    String loop = "{% for x in message.content %}";
    String huge =
        switch (kind) {
          case "quoted" -> "{{ '" + "x".repeat(200_000) + "' }}";
          case "escapes" -> "{{ '" + "\\'".repeat(100_000) + "' }}";
          case "unclosed" -> "{{ " + "'\\".repeat(100_000) + " }}";
          case "parts loops" -> loop.repeat(6_000);
          case "words" -> loop + "{{" + " x".repeat(100_000) + "}}";
          case "[" -> "{{" + "['a".repeat(60_000) + "}}";
          default -> kind.repeat(100_000);
        };
    read("{{ 'warm' }}");
    ChatTemplate template = Assertions.assertTimeout(Duration.ofSeconds(3), () -> read(huge), kind);
    assertThat(template.name()).isEqualTo("none");
    assertThatExceptionOfType(ChatTemplateException.class)
        .isThrownBy(() -> template.render(QUESTION, true))
        .withMessageContaining("no known family");
  }

  @Test
  void rendersAFamilysLongTextsLikeShortOnes() throws IOException {
    String marker = "long ".repeat(20_000);
    String template = template("llava-1.5").replace("ASSISTANT:", marker);
    assertThat(read(template).render(QUESTION, true)).isEqualTo("USER: <image>\nWhy? " + marker);
  }

  @Test
  void refusesABrokenFile() throws IOException {
    Files.writeString(folder.resolve("chat_template.json"), "{");
    assertThatExceptionOfType(CheckpointException.class)
        .isThrownBy(() -> ChatTemplate.read(folder))
        .withMessageContaining("chat_template.json");
  }
}
