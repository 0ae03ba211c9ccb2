package org.pyramiddrop.training.data;

/** What to do about a sample that can't be learnt from. */
public enum BadSamples {
  /** Refuse the data. */
  STOP,

  /** Say what is wrong with it, and go on without it. */
  SKIP
}
