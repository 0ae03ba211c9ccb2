package org.pyramiddrop.loader.tokenizer;

import java.util.List;

/** What becomes of the separators when a text is cut at them. */
enum DelimiterBehavior {
  REMOVED("Removed"),
  ISOLATED("Isolated"),
  MERGED_WITH_PREVIOUS("MergedWithPrevious"),
  MERGED_WITH_NEXT("MergedWithNext"),
  CONTIGUOUS("Contiguous");

  private final String written;

  DelimiterBehavior(String written) {
    this.written = written;
  }

  static DelimiterBehavior read(JsonPlace place) {
    String written = place.text();
    for (DelimiterBehavior cut : values()) {
      if (cut.written.equals(written)) {
        return cut;
      }
    }
    throw place.wrong(
        "isn't supported; supported: Removed, Isolated, MergedWithPrevious, MergedWithNext,"
            + " Contiguous");
  }

  /**
   * Cuts a slice into parts that are not empty.
   *
   * @param matches start and end of each match, in order
   * @param invert whether separators are what lies between the matches
   */
  void apply(Slice slice, int[] matches, boolean invert, List<Slice> parts) {
    Runs runs = new Runs(slice.text().length(), matches, invert);
    switch (this) {
      case REMOVED -> {
        for (int i = 0; i < runs.count; i++) {
          if (!runs.separator[i]) {
            add(slice, runs.start[i], runs.end[i], parts);
          }
        }
      }
      case ISOLATED -> {
        for (int i = 0; i < runs.count; i++) {
          add(slice, runs.start[i], runs.end[i], parts);
        }
      }
      case CONTIGUOUS -> {
        for (int i = 0, next; i < runs.count; i = next) {
          next = i + 1;
          while (next < runs.count && runs.separator[next] == runs.separator[i]) {
            next++;
          }
          add(slice, runs.start[i], runs.end[next - 1], parts);
        }
      }
      case MERGED_WITH_PREVIOUS -> {
        for (int i = 0, next; i < runs.count; i = next) {
          next = i + 1;
          if (next < runs.count && runs.separator[next] && !runs.separator[i]) {
            next++;
          }
          add(slice, runs.start[i], runs.end[next - 1], parts);
        }
      }
      case MERGED_WITH_NEXT -> {
        for (int i = 0, next; i < runs.count; i = next) {
          next = i + 1;
          if (next < runs.count && runs.separator[i] && !runs.separator[next]) {
            next++;
          }
          add(slice, runs.start[i], runs.end[next - 1], parts);
        }
      }
    }
  }

  private static void add(Slice slice, int start, int end, List<Slice> parts) {
    if (start < end) {
      parts.add(slice.cut(start, end));
    }
  }

  /** A text as alternating matches and what lies between them. */
  private static final class Runs {
    final int[] start;
    final int[] end;
    final boolean[] separator;
    int count;

    Runs(int length, int[] matches, boolean invert) {
      start = new int[matches.length + 1];
      end = new int[matches.length + 1];
      separator = new boolean[matches.length + 1];
      int covered = 0;
      for (int i = 0; i < matches.length; i += 2) {
        if (covered != matches[i]) {
          add(covered, matches[i], invert);
        }
        add(matches[i], matches[i + 1], !invert);
        covered = matches[i + 1];
      }
      if (covered != length) {
        add(covered, length, invert);
      }
    }

    private void add(int from, int to, boolean isSeparator) {
      start[count] = from;
      end[count] = to;
      separator[count] = isSeparator;
      count++;
    }
  }
}
