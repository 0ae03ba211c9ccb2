package org.pyramiddrop.langchain4j;

import dev.langchain4j.model.chat.response.ChatResponseMetadata;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.transformer.Answer;

/** LangChain4j's metadata of a response, and the whole answer that it was made of. */
public final class PyramidDropChatResponseMetadata extends ChatResponseMetadata {
  private final Answer answer;

  PyramidDropChatResponseMetadata(ChatResponseMetadata.Builder<?> builder, Answer answer) {
    super(builder);
    this.answer = answer;
  }

  /** The answer with the image tokens that each stage kept, FLOPs and timings. */
  public Answer answer() {
    return answer;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return super.equals(other)
        && other instanceof PyramidDropChatResponseMetadata that
        && answer.equals(that.answer);
  }

  @Override
  public int hashCode() {
    return Objects.hash(super.hashCode(), answer);
  }
}
