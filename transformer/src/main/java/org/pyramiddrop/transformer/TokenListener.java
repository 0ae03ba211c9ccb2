package org.pyramiddrop.transformer;

/** Hears each token of an answer as it is generated, on the thread that asked. */
@FunctionalInterface
public interface TokenListener {

  /**
   * Takes the next token.
   *
   * @param id the token
   * @param text the text that became complete with it; empty while a character's bytes are not all
   *     there
   * @return false to end the answer here, as {@link Finish#CANCELLED}
   */
  boolean onToken(int id, String text);
}
