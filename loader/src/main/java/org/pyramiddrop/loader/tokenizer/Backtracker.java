package org.pyramiddrop.loader.tokenizer;

import java.util.Arrays;
import java.util.List;

/** Runs a pattern's instructions over a text, with its own stack of ways not tried yet. */
final class Backtracker {
  static final int NO_MATCH = -1;
  static final int OUT_OF_STEPS = -2;

  private final String text;
  private long steps;
  // Of each way three numbers: its instruction, the index in the text, and the index as far as
  // which the run that came there may still be shortened or stretched.
  private int[] ways = new int[48];
  private int size;

  /** Takes at most so many steps, all runs together. */
  Backtracker(String text, long steps) {
    this.text = text;
    this.steps = steps;
  }

  void stepWithoutLimit() {
    steps = Long.MAX_VALUE;
  }

  /**
   * Where the match that begins at an index ends, or {@link #NO_MATCH} or {@link #OUT_OF_STEPS}.
   */
  int run(PatternProgram program, int start, FailedBranches failures) {
    List<PatternProgram.Instruction> instructions = program.instructions();
    int bottom = size;
    int instruction = 0;
    int at = start;
    while (true) {
      if (--steps < 0) {
        size = bottom;
        return OUT_OF_STEPS;
      }
      boolean fits = true;
      switch (instructions.get(instruction++)) {
        case PatternProgram.Take(CharSet set) -> {
          fits = hasNext(set, at);
          if (fits) {
            at = after(at);
          }
        }
        case PatternProgram.Run run -> {
          at = takeRun(run, at, instruction);
          fits = at >= 0;
        }
        case PatternProgram.Fork(int first, int second, int number) -> {
          fits = failures.isNew(number, at);
          if (fits) {
            push(second, at, at);
            instruction = first;
          }
        }
        case PatternProgram.Jump(int target) -> instruction = target;
        case PatternProgram.NotNext(CharSet set) -> fits = !hasNext(set, at);
        case PatternProgram.Look look -> {
          int seen = look(look, at);
          if (seen == OUT_OF_STEPS) {
            size = bottom;
            return OUT_OF_STEPS;
          }
          fits = seen >= 0 != look.negated();
        }
        case PatternProgram.Done done -> {
          size = bottom;
          return at;
        }
      }
      if (!fits) {
        if (size == bottom) {
          return NO_MATCH;
        }
        size -= 3;
        instruction = ways[size];
        at = ways[size + 1];
        int limit = ways[size + 2];
        if (at > limit) {
          push(instruction, before(at), limit);
        } else if (at < limit) {
          push(instruction, after(at), limit);
        }
      }
    }
  }

  /** The index behind a run that begins at an index, or {@link #NO_MATCH}. */
  private int takeRun(PatternProgram.Run run, int start, int next) {
    int at = start;
    int shortest = run.least() == 0 ? start : NO_MATCH;
    for (int taken = 1; taken <= run.most() && hasNext(run.set(), at); taken++) {
      at = after(at);
      if (taken == run.least()) {
        shortest = at;
      }
    }
    steps -= at - start;
    if (shortest == NO_MATCH || shortest == at || run.greed() == PatternSyntax.Greed.ONLY_MOST) {
      return shortest == NO_MATCH ? NO_MATCH : at;
    }
    if (run.greed() == PatternSyntax.Greed.FEWEST_FIRST) {
      push(next, after(shortest), at);
      return shortest;
    }
    push(next, before(at), shortest);
    return at;
  }

  private int look(PatternProgram.Look look, int at) {
    int start = at;
    for (int i = 0; i < look.back(); i++) {
      if (start == 0) {
        return NO_MATCH;
      }
      start = before(start);
    }
    int farthest = Math.min(text.length(), start + 2 * look.reach());
    PatternProgram program = look.program();
    return run(
        program,
        start,
        program.forks() == 0
            ? FailedBranches.FORGOTTEN
            : new FailedBranches(program.forks(), start, farthest));
  }

  private boolean hasNext(CharSet set, int at) {
    return at < text.length() && set.has(text.codePointAt(at));
  }

  private int after(int at) {
    return at + Character.charCount(text.codePointAt(at));
  }

  private int before(int at) {
    return at - Character.charCount(text.codePointBefore(at));
  }

  private void push(int instruction, int at, int limit) {
    if (size + 3 > ways.length) {
      ways = Arrays.copyOf(ways, 2 * ways.length);
    }
    ways[size++] = instruction;
    ways[size++] = at;
    ways[size++] = limit;
  }
}
