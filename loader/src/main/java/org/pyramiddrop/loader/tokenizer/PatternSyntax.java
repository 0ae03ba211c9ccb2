package org.pyramiddrop.loader.tokenizer;

import java.util.List;

/** A part of a pattern. */
sealed interface PatternSyntax {
  /** The most that {@link #longest} says: any number of characters. */
  int UNBOUNDED = Integer.MAX_VALUE;

  /** How the number of repetitions is chosen. */
  enum Greed {
    MOST_FIRST,
    FEWEST_FIRST,
    ONLY_MOST
  }

  /** One character of a set. */
  record One(CharSet set) implements PatternSyntax {}

  /** One part after the other. */
  record Sequence(List<PatternSyntax> parts) implements PatternSyntax {}

  /** The first part that fits. */
  record Choice(List<PatternSyntax> parts) implements PatternSyntax {}

  /** A part several times; {@code most} may be {@link #UNBOUNDED}. */
  record Repeat(PatternSyntax part, int least, int most, Greed greed) implements PatternSyntax {}

  /** Whether a part fits ahead, or right behind, without moving on. */
  record Look(PatternSyntax part, boolean behind, boolean negated) implements PatternSyntax {}

  /** The fewest characters that it takes. */
  default int shortest() {
    return switch (this) {
      case One one -> 1;
      case Sequence(List<PatternSyntax> parts) ->
          parts.stream().mapToInt(PatternSyntax::shortest).sum();
      case Choice(List<PatternSyntax> parts) ->
          parts.stream().mapToInt(PatternSyntax::shortest).min().orElse(0);
      case Repeat repeat -> repeat.least() * repeat.part().shortest();
      case Look look -> 0;
    };
  }

  /** The most characters that it takes, or {@link #UNBOUNDED}. */
  default int longest() {
    return switch (this) {
      case One one -> 1;
      case Sequence(List<PatternSyntax> parts) ->
          (int) Math.min(UNBOUNDED, parts.stream().mapToLong(PatternSyntax::longest).sum());
      case Choice(List<PatternSyntax> parts) ->
          parts.stream().mapToInt(PatternSyntax::longest).max().orElse(0);
      case Repeat repeat ->
          (int) Math.min(UNBOUNDED, (long) repeat.most() * repeat.part().longest());
      case Look look -> 0;
    };
  }
}
