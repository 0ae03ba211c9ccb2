package org.pyramiddrop.transformer;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.pyramiddrop.transformer.generation.TextStream;

/** One answer as its tokens come, up to the reason it ends. */
final class Generation {
  private final Set<Integer> stopTokens;
  private final int most;
  private final TextStream text;
  private final TokenListener listener;
  private final List<Integer> ids = new ArrayList<>();
  private Finish finish = Finish.LENGTH;

  /**
   * Begins an answer.
   *
   * @param most tokens it may have
   */
  Generation(Set<Integer> stopTokens, int most, TextStream text, TokenListener listener) {
    this.stopTokens = stopTokens;
    this.most = most;
    this.text = text;
    this.listener = listener;
  }

  /** Takes the next token, and says whether another one is wanted. */
  boolean take(int token) {
    if (token < 0) {
      throw new IllegalStateException(
          "the model's output is not a number; its weights are damaged or overflow");
    }
    if (stopTokens.contains(token)) {
      return end(Finish.STOP);
    }
    ids.add(token);
    if (!listener.onToken(token, text.add(token)) || Thread.currentThread().isInterrupted()) {
      return end(Finish.CANCELLED);
    }
    return ids.size() < most || end(Finish.LENGTH);
  }

  /** Ends the answer; bytes that never became a character are told with the last token again. */
  private boolean end(Finish why) {
    finish = why;
    String rest = text.finish();
    if (!rest.isEmpty() && why != Finish.CANCELLED) {
      listener.onToken(ids.getLast(), rest);
    }
    return false;
  }

  /** Tokens that steps have run on when the one that was taken last is about to be. */
  int before() {
    return ids.size() - 1;
  }

  List<Integer> ids() {
    return ids;
  }

  String text() {
    return text.text();
  }

  Finish finish() {
    return finish;
  }
}
