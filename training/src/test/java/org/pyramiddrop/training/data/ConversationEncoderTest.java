package org.pyramiddrop.training.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.loader.ChatTemplate;
import org.pyramiddrop.loader.ChatTemplateException;
import org.pyramiddrop.loader.ChatTurn;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.LlavaConfig;
import org.pyramiddrop.loader.Role;
import org.pyramiddrop.loader.Tokenizer;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Holds encoded samples to what transformers makes of them; see make_conversations.py. */
class ConversationEncoderTest {
  private static final Path FIXTURES = Path.of("../src/test/resources/fixtures");
  private static final Path LOADER = Path.of("../loader/src/test/resources");
  private static final JsonNode EXPECTED =
      JsonMapper.shared().readTree(Path.of("src/test/resources/conversations/expected.json"));
  private static final JsonNode CHATS =
      JsonMapper.shared().readTree(LOADER.resolve("chats/expected.json")).path("templates");

  @TempDir private Path folder;

  /** Puts a model together out of a fixture's files, or of a tokenizer and a chat template. */
  private LlavaConfig model(JsonNode expected) throws IOException {
    if (expected.has("folder")) {
      Path fixture = FIXTURES.resolve(expected.path("folder").stringValue());
      for (String name :
          List.of(
              "tokenizer.json", "config.json", "generation_config.json", "chat_template.json")) {
        if (Files.exists(fixture.resolve(name))) {
          Files.copy(fixture.resolve(name), folder.resolve(name));
        }
      }
    } else {
      String family = "families/" + expected.path("tokenizer").stringValue() + "/tokenizer.json";
      Files.copy(LOADER.resolve(family), folder.resolve("tokenizer.json"));
      write("generation_config.json", Map.of("eos_token_id", expected.path("endTokens")));
      boolean original = expected.path("imageToken").intValue() < 0;
      write(
          "config.json",
          original
              ? Map.of(
                  "model_type",
                  "llava_llama",
                  "mm_vision_tower",
                  "openai/clip-vit-large-patch14-336",
                  "mm_projector_type",
                  "mlp2x_gelu",
                  "mm_vision_select_layer",
                  -2)
              : Map.of("model_type", "llava", "image_token_index", expected.path("imageToken")));
    }
    if (expected.has("template")) {
      String template = expected.path("template").stringValue();
      Files.writeString(
          folder.resolve("chat_template.jinja"),
          CHATS.path(template).path("template").stringValue());
    }
    boolean tower = expected.path("folder").asString("").startsWith("original");
    return LlavaConfig.read(folder, tower ? FIXTURES.resolve("original-clip") : null);
  }

  private void write(String name, Object content) throws IOException {
    Files.writeString(folder.resolve(name), JsonMapper.shared().writeValueAsString(content));
  }

  private Path images() throws IOException {
    Path images = Files.createDirectories(folder.resolve("images"));
    Files.createDirectories(images.resolve("sub"));
    for (String name : List.of("a.png", "größe.png", "sub/b c.png")) {
      Files.createFile(images.resolve(name));
    }
    return images;
  }

  static Stream<String> models() {
    return cases().map(ConversationEncoderTest::name).distinct();
  }

  private static Stream<JsonNode> cases() {
    return EXPECTED.path("cases").valueStream();
  }

  private static String name(JsonNode expected) {
    return expected.has("folder")
        ? expected.path("folder").stringValue()
        : expected.path("tokenizer").stringValue()
            + " "
            + expected.path("template").stringValue()
            + " "
            + expected.path("endTokens");
  }

  @ParameterizedTest
  @MethodSource("models")
  void writesConversationsAsTransformersDoes(String model) throws IOException {
    List<JsonNode> cases = cases().filter(expected -> name(expected).equals(model)).toList();
    assertThat(cases).hasSize(EXPECTED.path("samples").size());
    LlavaConfig config = model(cases.getFirst());
    Path file = Files.writeString(folder.resolve("data.json"), EXPECTED.path("samples").toString());
    List<String> skipped = new ArrayList<>();
    try (Tokenizer tokenizer = Tokenizer.open(folder);
        TrainingData data =
            TrainingData.open(
                file, images(), ChatTemplate.read(folder), BadSamples.SKIP, skipped::add)) {
      ConversationEncoder encoder = ConversationEncoder.of(folder, config, tokenizer);
      int next = 0;
      for (JsonNode expected : cases) {
        if (expected.has("refused")) {
          assertThat(skipped)
              .singleElement()
              .asString()
              .contains("[9], id instructed, conversations[0]: ")
              .endsWith("the model's chat template has no place for a system turn");
          continue;
        }
        EncodedConversation made = encoder.encode(data.sample(next++));
        String text = expected.path("text").stringValue();
        assertThat(made.ids()).as(text).isEqualTo(ints(expected.path("ids")));
        boolean[] answer = new boolean[made.ids().length];
        List<Integer> queries = new ArrayList<>();
        for (JsonNode span : expected.path("answers")) {
          Arrays.fill(answer, span.get(0).intValue(), span.get(1).intValue(), true);
          queries.add(span.get(0).intValue() - 1);
        }
        assertThat(made.answer()).as(text).isEqualTo(answer);
        assertThat(made.queries()).as(text).containsExactly(queries.toArray(Integer[]::new));
        assertThat(made.answerTokens())
            .isEqualTo((int) IntStream.range(0, answer.length).filter(i -> answer[i]).count());
      }
      assertThat(next).isEqualTo(data.size());
      assertThat(data.skipped()).isEqualTo(skipped.size());
    }
  }

  private static int[] ints(JsonNode list) {
    return list.valueStream().mapToInt(JsonNode::intValue).toArray();
  }

  private static TrainingSample asked(String question, String answer) {
    return new TrainingSample(
        "1",
        List.of(),
        List.of(new ChatTurn(Role.USER, 0, question), new ChatTurn(Role.ASSISTANT, 0, answer)),
        "data.json, line 1");
  }

  private JsonNode composed(String tokenizer) {
    return cases()
        .filter(expected -> expected.path("tokenizer").asString("").equals(tokenizer))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void refusesAnImageTokenInWords() throws IOException {
    LlavaConfig config = model(composed("vicuna"));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      ConversationEncoder encoder = ConversationEncoder.of(folder, config, tokenizer);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> encoder.encode(asked("see <image>", "a")))
          .withMessage("data.json, line 1: its text has the image token 1 times, for 0 pictures");
    }
  }

  @Test
  void refusesTokensThatTheModelDoesNotHave() throws IOException {
    JsonNode expected = composed("vicuna");
    model(expected);
    write(
        "config.json",
        Map.of(
            "model_type",
            "llava",
            "image_token_index",
            expected.path("imageToken"),
            "text_config",
            Map.of("vocab_size", 300)));
    LlavaConfig config = LlavaConfig.read(folder);
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      ConversationEncoder encoder = ConversationEncoder.of(folder, config, tokenizer);
      assertThatIllegalArgumentException()
          .isThrownBy(() -> encoder.encode(asked("what number is it?", "a circle")))
          .withMessageMatching(
              "data.json, line 1: it has token \\d+, but the model knows 300; its tokenizer"
                  + " belongs to another");
    }
  }

  @Test
  void refusesAModelWhoseEndTokenCanNotBeWritten() throws IOException {
    LlavaConfig config = model(composed("vicuna"));
    write("generation_config.json", Map.of("eos_token_id", 1000));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThatExceptionOfType(CheckpointException.class)
          .isThrownBy(() -> ConversationEncoder.of(folder, config, tokenizer))
          .withMessageContaining(
              "tokenizer.json: the model's end token 1000 has no text of its own");
    }
  }

  @Test
  void refusesAModelWithoutAChatTemplate() throws IOException {
    LlavaConfig config = model(composed("vicuna"));
    Files.delete(folder.resolve("chat_template.jinja"));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      assertThatExceptionOfType(ChatTemplateException.class)
          .isThrownBy(() -> ConversationEncoder.of(folder, config, tokenizer))
          .withMessageContaining("has no chat template");
    }
  }
}
