package org.pyramiddrop.langchain4j;

import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import org.pyramiddrop.transformer.TokenListener;

/** An answer that is told to a handler, which may cancel it from any thread. */
final class HandledAnswer implements StreamingHandle, TokenListener {
  private static final System.Logger LOGGER = System.getLogger(HandledAnswer.class.getName());

  private final StreamingChatResponseHandler handler;
  private final PartialResponseContext context = new PartialResponseContext(this);
  private volatile boolean cancelled;

  HandledAnswer(StreamingChatResponseHandler handler) {
    this.handler = handler;
  }

  /** Answers a request on this thread. */
  void run(LlavaChat chat, ChatRequest request) {
    ChatResponse response;
    try {
      response = chat.answer(request, this);
    } catch (Throwable e) {
      if (!cancelled) {
        failed(e);
      }
      return;
    }
    if (!cancelled) {
      telling(() -> handler.onCompleteResponse(response));
    }
  }

  @Override
  public boolean onToken(int id, String text) {
    if (!text.isEmpty() && !cancelled) {
      telling(() -> handler.onPartialResponse(new PartialResponse(text), context));
    }
    return !cancelled;
  }

  @Override
  public boolean onProgress(Phase phase, int done, int total) {
    return !cancelled;
  }

  /** What the handler throws is its own error, as LangChain4j has it. */
  private void telling(Runnable call) {
    try {
      call.run();
    } catch (RuntimeException e) {
      failed(e);
    }
  }

  private void failed(Throwable error) {
    try {
      handler.onError(error);
    } catch (RuntimeException e) {
      LOGGER.log(System.Logger.Level.WARNING, "a handler's onError failed and is passed over", e);
    }
  }

  @Override
  public void cancel() {
    cancelled = true;
  }

  @Override
  public boolean isCancelled() {
    return cancelled;
  }
}
