package org.pyramiddrop.loader.tokenizer;

import java.text.Normalizer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Brings long runs of combining marks into canonical order. Java's normalizer does that by
 * insertion, which takes hours for a million marks.
 */
final class CombiningMarkOrder {
  private static final int SHORT_RUN = 64;
  // Marks of the lowest and of the highest combining class that there are.
  private static final int LOWEST = 0x334;
  private static final int HIGHEST = 0x345;
  private static final int NEVER_MOVES = 0;
  private static final int MARK = CharSet.categories("M");

  private final int[] marks;
  private final Map<Integer, Integer> ranks;

  private CombiningMarkOrder(String run, Normalizer.Form form) {
    Map<Integer, int[]> parts = new HashMap<>();
    this.marks =
        run.codePoints()
            .flatMap(
                mark -> Arrays.stream(parts.computeIfAbsent(mark, each -> decomposed(each, form))))
            .toArray();
    this.ranks = ranks(marks);
  }

  /** An equivalent text whose long runs of marks the form leaves in their order. */
  static String of(String text, Normalizer.Form form) {
    StringBuilder ordered = new StringBuilder();
    int copied = 0;
    for (int at = 0; at < text.length(); ) {
      int end = endOfMarks(text, at);
      if (end - at > SHORT_RUN) {
        ordered.append(text, copied, at);
        new CombiningMarkOrder(text.substring(at, end), form).appendTo(ordered);
        copied = end;
      }
      at = end == at ? at + Character.charCount(text.codePointAt(at)) : end;
    }
    return copied == 0 ? text : ordered.append(text, copied, text.length()).toString();
  }

  private static int endOfMarks(String text, int start) {
    int at = start;
    while (at < text.length() && isMark(text.codePointAt(at))) {
      at += Character.charCount(text.codePointAt(at));
    }
    return at;
  }

  private static boolean isMark(int character) {
    return character >= 0x300 && CharSet.in(character, MARK);
  }

  private static int[] decomposed(int mark, Normalizer.Form form) {
    if (UnicodeForm.isLater(mark)) {
      return new int[] {mark};
    }
    Normalizer.Form decomposed =
        switch (form) {
          case NFC, NFD -> Normalizer.Form.NFD;
          case NFKC, NFKD -> Normalizer.Form.NFKD;
        };
    return Normalizer.normalize(Character.toString(mark), decomposed).codePoints().toArray();
  }

  /** For each mark a number that grows with its combining class. */
  private static Map<Integer, Integer> ranks(int[] marks) {
    List<Integer> moving =
        Arrays.stream(marks)
            .distinct()
            .filter(mark -> !UnicodeForm.isLater(mark))
            .filter(mark -> swaps(mark, LOWEST) || swaps(HIGHEST, mark))
            .boxed()
            .sorted((a, b) -> swaps(a, b) ? 1 : swaps(b, a) ? -1 : 0)
            .toList();
    Map<Integer, Integer> ranks = new HashMap<>();
    int rank = NEVER_MOVES + 1;
    for (int i = 0; i < moving.size(); i++) {
      if (i > 0 && swaps(moving.get(i), moving.get(i - 1))) {
        rank++;
      }
      ranks.put(moving.get(i), rank);
    }
    return ranks;
  }

  private static boolean swaps(int first, int second) {
    String given = new StringBuilder().appendCodePoint(first).appendCodePoint(second).toString();
    return first != second
        && Normalizer.normalize(given, Normalizer.Form.NFD).codePointAt(0) == second;
  }

  private void appendTo(StringBuilder ordered) {
    int start = 0;
    for (int i = 0; i <= marks.length; i++) {
      boolean moves = i < marks.length && ranks.containsKey(marks[i]);
      if (!moves) {
        appendSorted(start, i, ordered);
        if (i < marks.length) {
          ordered.appendCodePoint(marks[i]);
        }
        start = i + 1;
      }
    }
  }

  private void appendSorted(int start, int end, StringBuilder ordered) {
    // Of equal rank the order stays.
    long[] rankAndPlace = new long[end - start];
    for (int i = start; i < end; i++) {
      rankAndPlace[i - start] = (long) ranks.getOrDefault(marks[i], NEVER_MOVES) << 32 | i;
    }
    Arrays.sort(rankAndPlace);
    for (long each : rankAndPlace) {
      ordered.appendCodePoint(marks[(int) each]);
    }
  }
}
