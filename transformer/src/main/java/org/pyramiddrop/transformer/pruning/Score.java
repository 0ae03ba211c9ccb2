package org.pyramiddrop.transformer.pruning;

/** What tokens are ranked by. */
public enum Score {
  /**
   * The attention that a patch receives from the class token in the vision layer whose output the
   * features are, summed over heads; in a tower without a class token, from all tokens, averaged.
   */
  CLASS_ATTENTION(false),

  /** The attention that the prompt's last token pays; {@link Ranking} says in which layer. */
  LAST_TOKEN_ATTENTION(true),

  /**
   * The cosine with the mean of the prompt's input embeddings, pictures left out, scaled to 0…1
   * over the picture.
   */
  RELEVANCE(true),

  /** Nothing: the tokens themselves decide, or chance does. */
  NONE(false);

  private final boolean readsQuestion;

  Score(boolean readsQuestion) {
    this.readsQuestion = readsQuestion;
  }

  /** Whether another question about the same picture may rank its tokens otherwise. */
  public boolean readsQuestion() {
    return readsQuestion;
  }
}
