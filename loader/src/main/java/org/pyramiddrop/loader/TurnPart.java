package org.pyramiddrop.loader;

/** A piece of what a chat template writes for one turn. */
sealed interface TurnPart {
  /** The same text in every turn. */
  record Literal(String text) implements TurnPart {}

  /** A text for each of the turn's images. */
  record Images(String each) implements TurnPart {}

  /** The turn's own words. */
  record Words() implements TurnPart {}
}
