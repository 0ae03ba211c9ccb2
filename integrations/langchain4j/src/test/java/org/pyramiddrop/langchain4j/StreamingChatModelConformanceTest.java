package org.pyramiddrop.langchain4j;

import static org.assertj.core.api.Assertions.assertThatCode;

import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.common.AbstractStreamingChatModelIT;
import dev.langchain4j.model.chat.common.StreamingMode;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponseMetadata;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.pyramiddrop.transformer.Llava;

/**
 * LangChain4j's own tests of streaming chat models, by handlers and by publishers. Those that ask
 * about the world ask the demo model about a scene instead.
 */
final class StreamingChatModelConformanceTest extends AbstractStreamingChatModelIT {
  private final Llava llava = Scene.load();

  @AfterAll
  void close() {
    llava.close();
  }

  private SceneRequests scene(StreamingChatModel model) {
    return new SceneRequests(request -> chat(model, request).chatResponse(), llava);
  }

  private static void reading(ThrowingCallable test) {
    assertThatCode(test).doesNotThrowAnyException();
  }

  @Override
  protected List<StreamingMode> streamingModes() {
    return List.of(StreamingMode.HANDLER, StreamingMode.PUBLISHER);
  }

  @Override
  protected List<StreamingChatModel> baseModels() {
    return List.of(PyramidDropStreamingChatModel.builder().model(llava).build());
  }

  @Override
  protected StreamingChatModel createModelWith(ChatRequestParameters parameters) {
    return PyramidDropStreamingChatModel.builder()
        .model(llava)
        .defaultRequestParameters(parameters)
        .build();
  }

  /** No model, so that the tests of handlers which ask about Germany are left out. */
  @Override
  @SuppressWarnings("NullAway") // LangChain4j takes null for that.
  public StreamingChatModel createModelWith(ChatModelListener listener) {
    return null;
  }

  @Override
  protected boolean supportsStreamingCancellation() {
    // Asks for a long story; HandledAnswerTest cancels an answer instead.
    return false;
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
  protected void should_respect_user_message(StreamingChatModel model) {
    scene(model).userMessage();
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_respect_system_message(StreamingChatModel model) {
    scene(model).systemMessage();
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_respect_multiple_messages(StreamingChatModel model) {
    scene(model).severalMessages();
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_respect_stopSequences_in_chat_request(StreamingChatModel model) {
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
  protected void should_accept_single_image_as_base64_encoded_string(StreamingChatModel model) {
    reading(scene(model)::base64Image);
  }

  @Override
  @ParameterizedTest
  @MethodSource("models")
  protected void should_accept_multiple_images_as_base64_encoded_strings(StreamingChatModel model) {
    reading(scene(model)::base64Images);
  }

  @Override
  protected Class<? extends ChatResponseMetadata> chatResponseMetadataType(
      StreamingChatModel model) {
    return PyramidDropChatResponseMetadata.class;
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
