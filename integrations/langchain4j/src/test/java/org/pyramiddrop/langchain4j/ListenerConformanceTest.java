package org.pyramiddrop.langchain4j;

import dev.langchain4j.exception.NonRetriableException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.common.AbstractChatModelListenerIT;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.pyramiddrop.transformer.Llava;

/** LangChain4j's own tests of what listeners hear of a chat model. */
final class ListenerConformanceTest extends AbstractChatModelListenerIT {
  private final Llava llava = Scene.load();

  @AfterEach
  void close() {
    llava.close();
  }

  @Override
  protected ChatModel createModel(ChatModelListener listener) {
    return builder(listener).build();
  }

  private PyramidDropChatModel.Builder builder(ChatModelListener listener) {
    return PyramidDropChatModel.builder()
        .model(llava)
        .modelName(modelName())
        .temperature(temperature())
        .topP(topP())
        .maxOutputTokens(maxTokens())
        .listeners(List.of(listener));
  }

  @Override
  protected String modelName() {
    return "scenes";
  }

  @Override
  protected ChatModel createFailingModel(ChatModelListener listener) {
    llava.close();
    return builder(listener).build();
  }

  @Override
  protected Class<? extends Exception> expectedExceptionClass() {
    return NonRetriableException.class;
  }

  @Override
  protected boolean supportsTools() {
    return false;
  }
}
