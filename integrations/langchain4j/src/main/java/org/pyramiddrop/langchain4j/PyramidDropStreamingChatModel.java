package org.pyramiddrop.langchain4j;

import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatModelStreamingEvent;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import java.util.List;
import java.util.concurrent.Flow;

/**
 * A LLaVA model as a streaming chat model of LangChain4j, in this process: what {@link
 * PyramidDropChatModel} answers, told piece by piece as it is generated.
 *
 * <p>Each answer has a thread of its own, on which its handler or subscriber is called. A handler's
 * exception goes to its {@code onError} and the answer goes on; {@code StreamingHandle.cancel} ends
 * it, and nothing more is told.
 */
public final class PyramidDropStreamingChatModel implements StreamingChatModel, AutoCloseable {
  private final ModelBuilder.Parts parts;

  private PyramidDropStreamingChatModel(ModelBuilder.Parts parts) {
    this.parts = parts;
  }

  /** A builder, which needs a folder or a loaded model. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Answers a request on another thread. What {@link PyramidDropChatModel#doChat} throws goes to
   * {@code onError}.
   */
  @Override
  public void doChat(ChatRequest request, StreamingChatResponseHandler handler) {
    parts.executor().execute(() -> new HandledAnswer(handler).run(parts.chat(), request));
  }

  /**
   * An answer for whoever subscribes. Each piece waits until the subscriber has requested it; where
   * none is requested, the answer stands still until its subscription is cancelled.
   */
  @Override
  public Flow.Publisher<ChatModelStreamingEvent> doChat(ChatRequest request) {
    return subscriber -> {
      SubscribedAnswer answer = new SubscribedAnswer(subscriber);
      subscriber.onSubscribe(answer);
      parts.executor().execute(() -> answer.run(parts.chat(), request));
    };
  }

  @Override
  public PyramidDropChatRequestParameters defaultRequestParameters() {
    return parts.chat().defaults();
  }

  @Override
  public List<ChatModelListener> listeners() {
    return parts.listeners();
  }

  /** Frees the model if it was loaded for this chat model. */
  @Override
  public void close() {
    parts.close();
  }

  /** Builds a streaming chat model. */
  public static final class Builder extends ModelBuilder<Builder> {
    private Builder() {}

    @Override
    Builder self() {
      return this;
    }

    /**
     * The chat model.
     *
     * @throws IllegalStateException if neither a folder nor a model was given, or both
     * @throws UnsupportedFeatureException if the default parameters ask for what there isn't
     * @throws InvalidRequestException if a default parameter is out of its range
     * @throws org.pyramiddrop.loader.CheckpointException if the folder can't be used
     * @throws org.pyramiddrop.kernels.DeviceException if the backend can't be had, for want of a
     *     flag of Java for instance; it names the flag
     */
    public PyramidDropStreamingChatModel build() {
      return new PyramidDropStreamingChatModel(parts());
    }
  }
}
