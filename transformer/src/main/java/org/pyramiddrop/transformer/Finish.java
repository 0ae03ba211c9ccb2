package org.pyramiddrop.transformer;

/** Why an answer ended. */
public enum Finish {
  /** The model ended it with a stop token, or a stop string stands in it. */
  STOP,
  /** It reached the most tokens it may have, or the model's context is full. */
  LENGTH,
  /** The listener ended it. */
  CANCELLED
}
