package org.pyramiddrop.loader.tokenizer;

/**
 * A pattern's matches in a text: the leftmost one, by the first ways that fit, then on from its
 * end. Time grows with the text's length whatever the pattern, and nothing recurses with the text.
 */
final class Regex implements TextFinder {
  private final PatternProgram fast;
  private final PatternProgram careful;

  private Regex(PatternProgram fast, PatternProgram careful) {
    this.fast = fast;
    this.careful = careful;
  }

  /**
   * Compiles the pattern at a place of the file.
   *
   * @throws TokenizerException if it isn't a pattern that is read
   */
  static Regex compile(JsonPlace place) {
    return compile(place, place.text());
  }

  /** Compiles a pattern that messages show at a place of the file. */
  static Regex compile(JsonPlace place, String pattern) {
    PatternSyntax syntax = PatternReader.read(place, pattern);
    return new Regex(
        PatternProgram.of(place, syntax, true), PatternProgram.of(place, syntax, false));
  }

  @Override
  public int[] find(String text) {
    Search search = new Search(text);
    TokenIds bounds = new TokenIds(text.length() / 2);
    int lastEnd = -1;
    int start = 0;
    while (start <= text.length()) {
      int end = search.endOfMatch(start);
      // An empty match right behind another one is none.
      if (end > start || (end == start && end != lastEnd)) {
        bounds.add(start);
        bounds.add(end);
        lastEnd = end;
        start = end;
      } else if (start < text.length()) {
        start += Character.charCount(text.codePointAt(start));
      } else {
        break;
      }
    }
    return bounds.toArray();
  }

  /** One search through one text: fast at first, and carefully once that took long. */
  private final class Search {
    private static final int STEPS_A_CHAR = 64;
    private static final int STEPS_AT_LEAST = 10_000;

    private final int length;
    private final Backtracker backtracker;
    private FailedBranches failures = FailedBranches.FORGOTTEN;

    Search(String text) {
      this.length = text.length();
      this.backtracker =
          new Backtracker(text, STEPS_AT_LEAST + (long) STEPS_A_CHAR * text.length());
    }

    int endOfMatch(int start) {
      if (failures == FailedBranches.FORGOTTEN) {
        int end = backtracker.run(fast, start, failures);
        if (end != Backtracker.OUT_OF_STEPS) {
          return end;
        }
        failures = new FailedBranches(careful.forks(), start, length);
        backtracker.stepWithoutLimit();
      }
      int end = backtracker.run(careful, start, failures);
      if (end >= 0) {
        failures.forget(end);
      }
      return end;
    }
  }
}
