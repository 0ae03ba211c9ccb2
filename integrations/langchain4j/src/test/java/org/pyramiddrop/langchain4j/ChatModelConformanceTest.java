package org.pyramiddrop.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.common.AbstractChatModelIT;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.ChatResponseMetadata;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.transformer.Llava;

/**
 * LangChain4j's own tests of chat models. Those that ask about the world ask the demo model about a
 * scene instead.
 */
final class ChatModelConformanceTest extends AbstractChatModelIT {
  private final Llava llava = Scene.load();

  @AfterAll
  void close() {
    llava.close();
  }

  private SceneRequests scene(ChatModel model) {
    return new SceneRequests(model::chat, llava);
  }

  private static void reading(ThrowingCallable test) {
    assertThatCode(test).doesNotThrowAnyException();
  }

  @Override
  protected List<ChatModel> models() {
    return List.of(PyramidDropChatModel.builder().model(llava).build());
  }

  @Override
  protected ChatModel createModelWith(ChatRequestParameters parameters) {
    return PyramidDropChatModel.builder().model(llava).defaultRequestParameters(parameters).build();
  }

  @Override
  protected ChatRequestParameters createIntegrationSpecificParameters(int maxOutputTokens) {
    return PyramidDropChatRequestParameters.builder().maxOutputTokens(maxOutputTokens).build();
  }

  @Override
  protected int maxOutputTokens() {
    return 1;
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_respect_user_message(ChatModel model) {
    scene(model).userMessage();
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_respect_system_message(ChatModel model) {
    scene(model).systemMessage();
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_respect_multiple_messages(ChatModel model) {
    scene(model).severalMessages();
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_respect_stopSequences_in_chat_request(ChatModel model) {
    scene(model).stopSequence();
  }

  @Override
  @Test
  protected void should_respect_stopSequences_in_default_model_parameters() {
    createModelsWith(SceneRequests.stopSequenceParameters())
        .forEach(model -> scene(model).stopSequenceByDefault());
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_accept_single_image_as_base64_encoded_string(ChatModel model) {
    reading(scene(model)::base64Image);
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_accept_multiple_images_as_base64_encoded_strings(ChatModel model) {
    reading(scene(model)::base64Images);
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_chat_asynchronously(ChatModel model) throws Exception {
    ChatRequest request = ChatRequest.builder().messages(Scene.ask(Scene.NUMBER)).build();
    ChatResponse response = model.chatAsync(request).get(60, TimeUnit.SECONDS);
    assertThat(response.aiMessage().text()).isEqualTo(Scene.NUMBER_ANSWER);
  }

  @Override
  protected Class<? extends ChatResponseMetadata> chatResponseMetadataType(ChatModel model) {
    return PyramidDropChatResponseMetadata.class;
  }

  @Override
  protected boolean supportsChatAsync() {
    return true;
  }

  @Override
  protected boolean supportsModelNameParameter() {
    return false;
  }

  @Override
  protected boolean supportsTools() {
    return false;
  }

  @Override
  protected boolean supportsToolChoiceRequired() {
    return false;
  }

  @Override
  protected boolean supportsJsonResponseFormat() {
    return false;
  }

  @Override
  protected boolean supportsJsonResponseFormatWithSchema() {
    return false;
  }

  @Override
  protected boolean supportsJsonResponseFormatWithRawSchema() {
    return false;
  }

  @Override
  protected boolean supportsSingleImageInputAsPublicURL() {
    return false;
  }

  @Override
  protected boolean supportsMultipleImageInputsAsPublicURLs() {
    return false;
  }
}
