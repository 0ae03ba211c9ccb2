package org.pyramiddrop.langchain4j;

import dev.langchain4j.exception.InternalServerException;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.NonRetriableException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;

/**
 * A LLaVA model as a chat model of LangChain4j, in this process.
 *
 * {@snippet :
 * try (PyramidDropChatModel model =
 *     PyramidDropChatModel.builder().modelPath(Path.of("llava-1.5-7b-hf")).build()) {
 *   ChatResponse response =
 *       model.chat(
 *           UserMessage.from(
 *               ImageContent.from(Path.of("kitchen.jpg").toUri()),
 *               TextContent.from("What is on the table?")));
 *   System.out.println(response.aiMessage().text());
 * }
 * }
 *
 * <p>Any number of threads may ask at once; they take turns on the device. Nothing of a request is
 * kept: each is read from its first message. The checkpoint's chat template puts a message's images
 * before its words.
 */
public final class PyramidDropChatModel implements ChatModel, AutoCloseable {
  private final ModelBuilder.Parts parts;

  private PyramidDropChatModel(ModelBuilder.Parts parts) {
    this.parts = parts;
  }

  /** A builder, which needs a folder or a loaded model. */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Answers a request whose parameters are complete; call {@link #chat(ChatRequest)}, which
   * completes them.
   *
   * @throws UnsupportedFeatureException if it asks for what there isn't: tools, JSON, frequency and
   *     presence penalties, another model, contents other than text and images, images from
   *     addresses that aren't allowed
   * @throws InvalidRequestException if a parameter is out of range, an image can't be read, the
   *     prompt is too long, or the chat template has no place for a message
   * @throws InternalServerException if the device fails
   * @throws NonRetriableException if the model is closed, or its weights have changed on disk
   * @throws CancellationException if the thread is interrupted before the first token; later the
   *     answer ends there
   */
  @Override
  public ChatResponse doChat(ChatRequest request) {
    return parts.chat().answer(request, (id, text) -> true);
  }

  /**
   * Answers a request on another thread; a cancelled answer ends behind the layer or token that it
   * is at.
   */
  @Override
  public CompletableFuture<ChatResponse> doChatAsync(ChatRequest request) {
    CompletableFuture<ChatResponse> coming = new CompletableFuture<>();
    parts
        .executor()
        .execute(() -> {
          try {
            coming.complete(parts.chat().answer(request, new UntilDone(coming::isDone)));
          } catch (Throwable e) {
            coming.completeExceptionally(e);
          }
        });
    return coming;
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

  /** Builds a chat model. */
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
    public PyramidDropChatModel build() {
      return new PyramidDropChatModel(parts());
    }
  }
}
