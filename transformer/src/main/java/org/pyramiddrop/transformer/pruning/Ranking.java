package org.pyramiddrop.transformer.pruning;

/**
 * Which queries and keys rank the image tokens at a drop after layer {@code b}.
 *
 * <p>Either way the query is the prompt's last token, and the score of an image token is the mean
 * over heads of {@code softmax(q·kᵀ/√headSize)}, taken in float32 over the whole causal row of text
 * and image keys. The highest scores stay; of equal scores the lower index stays; NaN ranks lowest.
 */
public enum Ranking {
  /**
   * The query and keys that the attention of layer {@code b - 1} computed itself: the paper's
   * equation 2, at next to no cost.
   */
  STAGE_END,

  /**
   * The input norm and the query and key projections of layer {@code b}, applied to the output of
   * layer {@code b - 1} with rotary positions as they stand before the drop: what the paper's
   * authors released.
   */
  NEXT_STAGE
}
