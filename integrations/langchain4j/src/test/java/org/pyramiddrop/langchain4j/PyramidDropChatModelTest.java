package org.pyramiddrop.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.AudioContent;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.ImageContent.DetailLevel;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.NonRetriableException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Conversation;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.Stage;
import org.pyramiddrop.transformer.pruning.PruningPlan;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class PyramidDropChatModelTest {
  private Llava llava;
  private PyramidDropChatModel model;

  @BeforeAll
  void load() {
    llava = Scene.load();
    model = PyramidDropChatModel.builder().model(llava).build();
  }

  @AfterAll
  void close() {
    llava.close();
  }

  private static Answer answer(ChatResponse response) {
    return ((PyramidDropChatResponseMetadata) response.metadata()).answer();
  }

  private static List<Integer> kept(ChatResponse response) {
    return answer(response).stages().stream().map(Stage::imageTokens).toList();
  }

  private ChatResponse about(PyramidDropChatModel asked, DetailLevel... details) {
    List<Content> contents = new ArrayList<>();
    for (DetailLevel detail : details) {
      contents.add(Scene.image(detail));
    }
    contents.add(TextContent.from(Scene.NUMBER));
    return asked.chat(UserMessage.from(contents));
  }

  @Test
  void theAnswerAndItsUsageAreTheEngines() {
    Answer alone = llava.ask(Question.of(Scene.NUMBER, Scene.IMAGE));
    ChatResponse response = model.chat(Scene.ask(Scene.NUMBER));
    assertThat(response.aiMessage().text()).isEqualTo(alone.text()).isEqualTo(Scene.NUMBER_ANSWER);
    assertThat(response.tokenUsage().inputTokenCount()).isEqualTo(alone.promptTokens());
    assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(alone.tokenIds().size());
    assertThat(response.tokenUsage().totalTokenCount())
        .isEqualTo(alone.promptTokens() + alone.tokenIds().size());
    assertThat(answer(response).stages()).isEqualTo(alone.stages());
  }

  @Test
  void aLevelOfDetailIsAPlan() {
    assertThat(kept(about(model, DetailLevel.LOW))).containsExactly(64, 32, 16, 8);
    assertThat(kept(about(model, DetailLevel.AUTO))).containsExactly(64, 32, 16, 8);
    assertThat(kept(about(model, DetailLevel.MEDIUM))).containsExactly(64, 44, 30, 21);
    assertThat(kept(about(model, DetailLevel.HIGH))).containsExactly(64);
    assertThat(kept(about(model, DetailLevel.ULTRA_HIGH))).containsExactly(64);
  }

  @Test
  void theHighestLevelOfDetailDecidesAndAutoComesLast() {
    assertThat(kept(about(model, DetailLevel.LOW, DetailLevel.HIGH))).containsExactly(128);
    PyramidDropChatModel changed =
        PyramidDropChatModel.builder()
            .model(llava)
            .detail(DetailLevel.AUTO, PruningPlan.none())
            .build();
    assertThat(kept(about(changed, DetailLevel.AUTO))).containsExactly(64);
    assertThat(kept(about(changed, DetailLevel.AUTO, DetailLevel.LOW)))
        .containsExactly(128, 64, 32, 16);
  }

  @Test
  void aPlanThatIsAskedForStandsAboveDetailAndDefaults() {
    PyramidDropChatModel always =
        PyramidDropChatModel.builder().model(llava).plan(PruningPlan.none()).build();
    assertThat(kept(about(always, DetailLevel.LOW))).containsExactly(64);
    ChatResponse asked =
        always.chat(
            ChatRequest.builder()
                .messages(Scene.ask(Scene.NUMBER))
                .parameters(
                    PyramidDropChatRequestParameters.builder()
                        .plan(PruningPlan.fastV(2, 0.5))
                        .build())
                .build());
    assertThat(kept(asked)).containsExactly(64, 32);
  }

  @Test
  void parametersOfEitherKindAreLaidOverEachOther() {
    PyramidDropChatRequestParameters ours =
        PyramidDropChatRequestParameters.builder()
            .plan(PruningPlan.none())
            .seed(7L)
            .repetitionPenalty(1.5)
            .temperature(0.5)
            .build();
    ChatRequestParameters theirs =
        ChatRequestParameters.builder().temperature(0.25).maxOutputTokens(9).build();
    PyramidDropChatRequestParameters expected =
        PyramidDropChatRequestParameters.builder()
            .plan(PruningPlan.none())
            .seed(7L)
            .repetitionPenalty(1.5)
            .temperature(0.25)
            .maxOutputTokens(9)
            .build();
    assertThat(ours.overrideWith(theirs)).isEqualTo(expected).hasSameHashCodeAs(expected);
    assertThat(theirs.defaultedBy(ours)).isEqualTo(expected);
    assertThat(ours.defaultedBy(theirs).temperature()).isEqualTo(0.5);
    assertThat(ours).isNotEqualTo(expected);
  }

  private ChatResponse sampled(long seed) {
    return model.chat(
        ChatRequest.builder()
            .messages(UserMessage.from("what"))
            .parameters(
                PyramidDropChatRequestParameters.builder()
                    .temperature(3.0)
                    .seed(seed)
                    .maxOutputTokens(8)
                    .build())
            .build());
  }

  @Test
  void equalSeedsGiveEqualAnswersAndOthersOthers() {
    long seed = System.nanoTime();
    List<Integer> first = answer(sampled(seed)).tokenIds();
    assertThat(answer(sampled(seed)).tokenIds()).isEqualTo(first);
    assertThat(answer(sampled(seed + 1)).tokenIds()).isNotEqualTo(first);
  }

  @Test
  void whatWasSaidBeforeIsReadAsAConversationIs() {
    try (Conversation talk = llava.converse(Options.defaults())) {
      String first = talk.ask(Question.of(Scene.NUMBER, Scene.IMAGE)).answer().text();
      Answer second = talk.ask(Question.of(Scene.COUNT, List.of())).answer();
      ChatResponse response =
          model.chat(Scene.ask(Scene.NUMBER), AiMessage.from(first), UserMessage.from(Scene.COUNT));
      assertThat(response.aiMessage().text()).isEqualTo(second.text());
      assertThat(response.tokenUsage().inputTokenCount()).isEqualTo(second.promptTokens());
    }
  }

  @Test
  void whatCantBeDoneIsRefusedByName() {
    unsupported(ChatRequestParameters.builder().frequencyPenalty(0.5).build(), "frequencyPenalty");
    unsupported(ChatRequestParameters.builder().presencePenalty(0.5).build(), "presencePenalty");
    assertThatThrownBy(() -> model.chat(UserMessage.from(AudioContent.from("AAAA", "audio/wav"))))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining("audio");
    assertThatThrownBy(() -> model.chat(ToolExecutionResultMessage.from("1", "tool", "result")))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining("tool_execution_result");
    assertThatThrownBy(() ->
            PyramidDropChatModel.builder()
                .model(llava)
                .defaultRequestParameters(
                    ChatRequestParameters.builder().presencePenalty(1.0).build())
                .build())
        .isInstanceOf(UnsupportedFeatureException.class);
  }

  private void unsupported(ChatRequestParameters parameters, String name) {
    assertThatThrownBy(() ->
            model.chat(
                ChatRequest.builder()
                    .messages(UserMessage.from("hello"))
                    .parameters(parameters)
                    .build()))
        .isInstanceOf(UnsupportedFeatureException.class)
        .hasMessageContaining(name);
  }

  @Test
  void aRequestThatCantBeAskedIsInvalid() {
    invalid(() -> model.chat(UserMessage.from("hello"), AiMessage.from("hello")), "last turn");
    invalid(() -> model.chat(UserMessage.from("an <image> here")), "<image>");
    invalid(
        () -> model.chat(SystemMessage.from("an <image> here"), UserMessage.from("hello")),
        "<image>");
    invalid(
        () ->
            model.chat(
                ChatRequest.builder()
                    .messages(UserMessage.from("hello"))
                    .temperature(-1.0)
                    .build()),
        "temperature");
    invalid(() -> PyramidDropChatModel.builder().model(llava).topP(2).build(), "top-p");
    invalid(() -> model.chat(UserMessage.from("what ".repeat(5000))), "context");
    invalid(
        () -> model.chat(UserMessage.from(ImageContent.from(Path.of("missing.png").toUri()))),
        "missing.png");
    invalid(
        () -> model.chat(UserMessage.from(ImageContent.from("AAAA", "image/png"))), "data: URI");
  }

  @Test
  void whatTheChatTemplateRefusesIsInvalid(@TempDir Path folder) throws IOException {
    for (String name :
        List.of("config.json", "preprocessor_config.json", "model.safetensors", "tokenizer.json")) {
      Files.copy(Scene.MODEL.resolve(name), folder.resolve(name));
    }
    Files.writeString(folder.resolve("chat_template.jinja"), "{{ messages }}");
    try (PyramidDropChatModel other = PyramidDropChatModel.builder().modelPath(folder).build()) {
      invalid(() -> other.chat(UserMessage.from("hello")), "no known family");
    }
  }

  private static void invalid(Callable<?> call, String reason) {
    assertThatThrownBy(call::call)
        .isExactlyInstanceOf(InvalidRequestException.class)
        .hasMessageContaining(reason)
        .message()
        .hasLineCount(1);
  }

  @Test
  void threadsAskAtOnce() throws Exception {
    List<Future<String>> answers = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (int i = 0; i < 16; i++) {
        String question = i % 2 == 0 ? Scene.NUMBER : Scene.COUNT;
        answers.add(threads.submit(() -> model.chat(Scene.ask(question)).aiMessage().text()));
      }
      for (int i = 0; i < answers.size(); i++) {
        assertThat(answers.get(i).get())
            .isEqualTo(i % 2 == 0 ? Scene.NUMBER_ANSWER : Scene.COUNT_ANSWER);
      }
    }
  }

  @Test
  void aCancelledAnswerEndsBeforeItsTime() {
    List<Runnable> waiting = new ArrayList<>();
    PyramidDropChatModel async =
        PyramidDropChatModel.builder().model(llava).executor(waiting::add).build();
    CompletableFuture<ChatResponse> coming =
        async.chatAsync(ChatRequest.builder().messages(Scene.ask(Scene.NUMBER)).build());
    assertThat(coming.cancel(true)).isTrue();
    assertThat(waiting).singleElement().satisfies(Runnable::run);
    assertThat(coming).isCancelled();
  }

  @Test
  void aModelOfItsOwnIsClosedWithItAndASharedOneIsNot() {
    PyramidDropChatModel shared = PyramidDropChatModel.builder().model(llava).build();
    shared.close();
    assertThat(shared.chat(Scene.ask(Scene.COUNT)).aiMessage().text()).isEqualTo("4");

    PyramidDropChatModel own = PyramidDropChatModel.builder().modelPath(Scene.MODEL).build();
    assertThat(own.chat(Scene.ask(Scene.COUNT)).modelName()).isEqualTo("model");
    own.close();
    assertThatThrownBy(() -> own.chat(Scene.ask(Scene.COUNT)))
        .isExactlyInstanceOf(NonRetriableException.class)
        .hasMessageContaining("closed");
  }

  @Test
  void aBuilderNeedsOneModel() {
    assertThatThrownBy(() -> PyramidDropChatModel.builder().build())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("modelPath");
    assertThatThrownBy(
            () -> PyramidDropChatModel.builder().model(llava).modelPath(Scene.MODEL).build())
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> PyramidDropChatModel.builder().modelPath(Path.of("nowhere")).build())
        .isInstanceOf(CheckpointException.class);
  }
}
