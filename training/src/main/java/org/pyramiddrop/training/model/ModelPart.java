package org.pyramiddrop.training.model;

/** A part of the model that is trained or frozen as a whole. */
public enum ModelPart {
  /** The layers between vision tower and decoder, and the newline token of tiled images. */
  PROJECTOR,
  /** Token embeddings, layers, last norm and output head. */
  DECODER,
  /** The vision tower as far as features come from it. */
  TOWER
}
