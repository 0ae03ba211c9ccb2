package org.pyramiddrop.training.data;

import java.util.stream.IntStream;

/**
 * A conversation as token ids, each picture one token.
 *
 * @param ids the image token stands once for each picture
 * @param answer for each token whether it is one of an answer's, its end token included
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record EncodedConversation(int[] ids, boolean[] answer) {
  /** Refuses arrays of different lengths. */
  public EncodedConversation {
    if (ids.length != answer.length) {
      throw new IllegalArgumentException(ids.length + " tokens with " + answer.length + " marks");
    }
  }

  /**
   * Where answers are asked for: for each, the position right before its first token, in order. The
   * model's output there says that token, so pruning takes it for the query.
   */
  public int[] queries() {
    return IntStream.range(0, ids.length - 1).filter(i -> !answer[i] && answer[i + 1]).toArray();
  }

  /** How many tokens are learnt. */
  public int answerTokens() {
    return (int) IntStream.range(0, ids.length).filter(i -> answer[i]).count();
  }
}
