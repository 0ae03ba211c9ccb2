package org.pyramiddrop.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;

import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import java.io.IOException;
import java.util.List;
import java.util.function.Function;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;

/** What LangChain4j's tests ask about the world, asked about a scene that the demo model knows. */
record SceneRequests(Function<ChatRequest, ChatResponse> chat, Llava llava) {
  private ChatResponse answer(ChatRequest request) {
    return chat.apply(request);
  }

  void userMessage() {
    ChatResponse response = answer(request().build());
    assertThat(response.aiMessage().text()).isEqualTo(Scene.NUMBER_ANSWER);
    assertThat(response.metadata()).isExactlyInstanceOf(PyramidDropChatResponseMetadata.class);
    assertThat(response.id()).isNotBlank();
    assertThat(response.modelName()).isEqualTo("llava");
    assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
  }

  void systemMessage() {
    String instructions = "what shape is cyan ?";
    ChatResponse response =
        answer(
            ChatRequest.builder()
                .messages(SystemMessage.from(instructions), Scene.ask(Scene.NUMBER))
                .build());
    Question question = Question.of(Scene.NUMBER, Scene.IMAGE);
    assertThat(response.aiMessage().text())
        .isEqualTo(llava.ask(question, Options.defaults().withSystemPrompt(instructions)).text());
    assertThat(response.tokenUsage().inputTokenCount())
        .isGreaterThan(llava.ask(question).promptTokens());
  }

  void severalMessages() {
    ChatResponse response =
        answer(
            ChatRequest.builder()
                .messages(
                    Scene.ask(Scene.NUMBER),
                    AiMessage.from(Scene.NUMBER_ANSWER),
                    UserMessage.from(Scene.COUNT))
                .build());
    assertThat(response.aiMessage().text()).isEqualTo(Scene.COUNT_ANSWER);
  }

  void stopSequence() {
    stops(answer(request().stopSequences(List.of("7")).build()));
  }

  /** Of a model whose default parameters have the text. */
  void stopSequenceByDefault() {
    stops(answer(request().build()));
  }

  static ChatRequestParameters stopSequenceParameters() {
    return ChatRequestParameters.builder().stopSequences("7").build();
  }

  private static void stops(ChatResponse response) {
    assertThat(response.aiMessage().text()).contains("2").doesNotContain("7");
    assertThat(response.finishReason()).isEqualTo(FinishReason.STOP);
  }

  void base64Image() throws IOException {
    ChatResponse response =
        answer(
            ChatRequest.builder()
                .messages(
                    UserMessage.from(
                        TextContent.from(Scene.NUMBER),
                        ImageContent.from(Scene.base64(), "image/png")))
                .build());
    assertThat(response.aiMessage().text()).isEqualTo(Scene.NUMBER_ANSWER);
  }

  void base64Images() throws IOException {
    ImageContent image = ImageContent.from(Scene.base64(), "image/png");
    ChatResponse response =
        answer(
            ChatRequest.builder()
                .messages(UserMessage.from(image, image, TextContent.from(Scene.COUNT)))
                .build());
    PyramidDropChatResponseMetadata metadata =
        (PyramidDropChatResponseMetadata) response.metadata();
    assertThat(metadata.answer().imageTokens()).isEqualTo(2 * 64);
  }

  private static ChatRequest.Builder request() {
    return ChatRequest.builder().messages(Scene.ask(Scene.NUMBER));
  }
}
