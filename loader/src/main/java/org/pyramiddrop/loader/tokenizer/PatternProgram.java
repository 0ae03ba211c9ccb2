package org.pyramiddrop.loader.tokenizer;

import java.util.ArrayList;
import java.util.List;

/**
 * A pattern as instructions. A choice tries its first way and comes back for the second one.
 *
 * @param forks how many choices there are
 */
record PatternProgram(List<Instruction> instructions, int forks) {
  private static final int MOST_INSTRUCTIONS = 5_000;

  /** One step; behind all but {@link Fork} and {@link Jump} the next one follows. */
  sealed interface Instruction {}

  /** Takes one character of a set. */
  record Take(CharSet set) implements Instruction {}

  /** Takes several characters of a set at once, as many as there are and less on the way back. */
  record Run(CharSet set, int least, int most, PatternSyntax.Greed greed) implements Instruction {}

  /** Goes on at the first place, then at the second one; {@code number} counts choices. */
  record Fork(int first, int second, int number) implements Instruction {}

  /** Goes on elsewhere. */
  record Jump(int target) implements Instruction {}

  /** Goes on if the next character is not in a set, or there is none. */
  record NotNext(CharSet set) implements Instruction {}

  /**
   * Goes on if another pattern fits, or doesn't.
   *
   * @param back how many characters before this place it begins
   * @param reach the most characters that it takes
   */
  record Look(PatternProgram program, int back, int reach, boolean negated)
      implements Instruction {}

  /** The whole pattern fits. */
  record Done() implements Instruction {}

  /**
   * Compiles a pattern.
   *
   * @param runs whether repeated characters are taken at once, which is fast, or one by one, so
   *     that each choice has a number
   */
  static PatternProgram of(JsonPlace place, PatternSyntax pattern, boolean runs) {
    Compiler compiler = new Compiler(place, runs);
    compiler.emit(pattern);
    compiler.add(new Done());
    return new PatternProgram(List.copyOf(compiler.instructions), compiler.forks);
  }

  private static final class Compiler {
    // A look is tried anew at each place, so it must not go far.
    private static final int FARTHEST_LOOK = 64;

    final List<Instruction> instructions = new ArrayList<>();
    private final JsonPlace place;
    private final boolean runs;
    int forks;

    Compiler(JsonPlace place, boolean runs) {
      this.place = place;
      this.runs = runs;
    }

    int add(Instruction instruction) {
      if (instructions.size() == MOST_INSTRUCTIONS) {
        throw place.wrong("is too large a pattern");
      }
      instructions.add(instruction);
      return instructions.size() - 1;
    }

    void emit(PatternSyntax syntax) {
      switch (syntax) {
        case PatternSyntax.One(CharSet set) -> add(new Take(set));
        case PatternSyntax.Sequence(List<PatternSyntax> parts) -> parts.forEach(this::emit);
        case PatternSyntax.Choice(List<PatternSyntax> parts) -> choice(parts);
        case PatternSyntax.Repeat repeat -> repeat(repeat);
        case PatternSyntax.Look look -> look(look);
      }
    }

    private void choice(List<PatternSyntax> parts) {
      List<Integer> exits = new ArrayList<>();
      for (int i = 0; i < parts.size(); i++) {
        boolean isLast = i == parts.size() - 1;
        int fork = isLast ? -1 : add(new Jump(-1));
        emit(parts.get(i));
        if (!isLast) {
          exits.add(add(new Jump(-1)));
          fork(fork, fork + 1, instructions.size(), PatternSyntax.Greed.MOST_FIRST);
        }
      }
      exits.forEach(exit -> instructions.set(exit, new Jump(instructions.size())));
    }

    private void repeat(PatternSyntax.Repeat repeat) {
      if (repeat.part() instanceof PatternSyntax.One(CharSet set)) {
        if (runs) {
          add(new Run(set, repeat.least(), repeat.most(), repeat.greed()));
          return;
        }
      }
      for (int i = 0; i < repeat.least(); i++) {
        emit(repeat.part());
      }
      if (repeat.most() == PatternSyntax.UNBOUNDED) {
        int fork = add(new Jump(-1));
        emit(repeat.part());
        add(new Jump(fork));
        fork(fork, fork + 1, instructions.size(), repeat.greed());
      } else {
        List<Integer> forks = new ArrayList<>();
        for (int i = repeat.least(); i < repeat.most(); i++) {
          forks.add(add(new Jump(-1)));
          emit(repeat.part());
        }
        forks.forEach(fork -> fork(fork, fork + 1, instructions.size(), repeat.greed()));
      }
      if (repeat.greed() == PatternSyntax.Greed.ONLY_MOST
          && repeat.part() instanceof PatternSyntax.One(CharSet set)) {
        onlyMost(repeat, set);
      }
    }

    // Less than the most was taken if another one follows: of any number always, of one or none if
    // it was none.
    private void onlyMost(PatternSyntax.Repeat repeat, CharSet set) {
      if (repeat.most() == PatternSyntax.UNBOUNDED) {
        add(new NotNext(set));
      } else {
        int taken = add(new Jump(-1));
        instructions.set(taken - 2, new Fork(taken - 1, taken + 1, forks - 1));
        add(new NotNext(set));
        instructions.set(taken, new Jump(instructions.size()));
      }
    }

    private void fork(int at, int body, int behind, PatternSyntax.Greed greed) {
      int number = forks++;
      instructions.set(
          at,
          greed == PatternSyntax.Greed.FEWEST_FIRST
              ? new Fork(behind, body, number)
              : new Fork(body, behind, number));
    }

    private void look(PatternSyntax.Look look) {
      int reach = look.part().longest();
      if (reach > FARTHEST_LOOK) {
        throw place.wrong("looks more than " + FARTHEST_LOOK + " characters ahead or behind");
      }
      if (look.behind() && look.part().shortest() != reach) {
        throw place.wrong("looks behind for what has no fixed length");
      }
      add(
          new Look(
              PatternProgram.of(place, look.part(), false),
              look.behind() ? reach : 0,
              reach,
              look.negated()));
    }
  }
}
