package org.pyramiddrop.serve;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a chat completion is answered with, in the shape that OpenAI's API gives it. */
final class ChatJson {
  private ChatJson() {}

  /**
   * A whole answer.
   *
   * @param pruning an extension: what became of the image tokens
   */
  record Completion(
      String id,
      String object,
      long created,
      String model,
      List<Choice> choices,
      Usage usage,
      PruningJson pruning) {}

  /** The one answer there is. */
  record Choice(int index, Message message, @Nullable LogProbs logprobs, String finishReason) {}

  /** What the model said. */
  record Message(String role, String content) {}

  /**
   * A piece of an answer.
   *
   * @param usage of the last piece, if it was asked for
   * @param pruning an extension: of the piece with the finish reason, what became of the image
   *     tokens
   */
  record Chunk(
      String id,
      String object,
      long created,
      String model,
      List<ChunkChoice> choices,
      @Nullable Usage usage,
      @Nullable PruningJson pruning) {}

  /** What is new of the one answer there is. */
  record ChunkChoice(
      int index,
      Delta delta,
      @Nullable LogProbs logprobs,
      @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable String finishReason) {}

  /** Text that is new. */
  record Delta(@Nullable String role, @Nullable String content) {}

  /** Numbers of tokens; a prompt's are those before any cut, those of its images included. */
  record Usage(int promptTokens, int completionTokens, int totalTokens) {
    static Usage of(int prompt, int completion) {
      return new Usage(prompt, completion, prompt + completion);
    }
  }

  /** How likely each token was. */
  record LogProbs(List<TokenLogProb> content) {}

  /**
   * How likely a token was.
   *
   * @param bytes of its text in UTF-8; null where it is a part of a character
   */
  record TokenLogProb(
      String token,
      double logprob,
      @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable List<Integer> bytes,
      List<Alternative> topLogprobs) {}

  /** A token that might have stood there. */
  record Alternative(
      String token,
      double logprob,
      @JsonInclude(JsonInclude.Include.ALWAYS) @Nullable List<Integer> bytes) {}
}
