package org.pyramiddrop.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * Rows of text in columns as wide as their widest cell: the first set to the left, the others to
 * the right.
 */
public final class Table {
  private static final String GAP = "  ";

  private final List<List<String>> rows = new ArrayList<>();

  public Table row(String... cells) {
    rows.add(List.of(cells));
    return this;
  }

  public List<String> lines() {
    int[] widths = new int[rows.getFirst().size()];
    for (List<String> row : rows) {
      for (int i = 0; i < widths.length; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    return rows.stream().map(row -> line(row, widths)).toList();
  }

  /** The same as Markdown, the first row as its head. */
  public List<String> markdown() {
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      lines.add("| " + String.join(" | ", row) + " |");
      if (lines.size() == 1) {
        lines.add("| --- |" + " ---: |".repeat(row.size() - 1));
      }
    }
    return lines;
  }

  private static String line(List<String> row, int[] widths) {
    StringBuilder line = new StringBuilder(row.getFirst());
    line.repeat(' ', widths[0] - row.getFirst().length());
    for (int i = 1; i < widths.length; i++) {
      line.append(GAP).repeat(' ', widths[i] - row.get(i).length()).append(row.get(i));
    }
    return line.toString();
  }
}
