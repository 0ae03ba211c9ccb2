package org.pyramiddrop.loader.tokenizer;

/**
 * A pattern's matches in a text: the leftmost one, by the first ways that fit, then on from its
 * end. Time grows with the text's length whatever the pattern, and nothing recurses with the text.
 */
final class Regex implements Finder {
  private final Program fast;
  private final Program careful;

  private Regex(Program fast, Program careful) {
    this.fast = fast;
    this.careful = careful;
  }

  /**
   * Compiles the pattern at a place of the file.
   *
   * @throws org.pyramiddrop.loader.CheckpointException if it isn't a pattern that is read
   */
  static Regex compile(Place place) {
    return compile(place, place.text());
  }

  /** Compiles a pattern that messages show at a place of the file. */
  static Regex compile(Place place, String pattern) {
    Syntax syntax = PatternReader.read(place, pattern);
    return new Regex(Program.of(place, syntax, true), Program.of(place, syntax, false));
  }

  @Override
  public int[] find(String text) {
    Search search = new Search(text);
    Ids bounds = new Ids(text.length() / 2);
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
    private Failures failures = Failures.FORGOTTEN;

    Search(String text) {
      this.length = text.length();
      this.backtracker =
          new Backtracker(text, STEPS_AT_LEAST + (long) STEPS_A_CHAR * text.length());
    }

    int endOfMatch(int start) {
      if (failures == Failures.FORGOTTEN) {
        int end = backtracker.run(fast, start, failures);
        if (end != Backtracker.OUT_OF_STEPS) {
          return end;
        }
        failures = new Failures(careful.forks(), start, length);
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
