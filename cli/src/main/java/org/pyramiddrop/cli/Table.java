package org.pyramiddrop.cli;

import java.util.ArrayList;
import java.util.List;

/** Rows of text in columns as wide as their widest cell, each set to the right. */
final class Table {
  private static final String GAP = "  ";
  private final List<List<String>> rows = new ArrayList<>();

  Table row(String... cells) {
    return row(List.of(cells));
  }

  Table row(List<String> cells) {
    rows.add(List.copyOf(cells));
    return this;
  }

  /** The table's lines; all rows have as many cells as the first. */
  List<String> lines() {
    int columns = rows.getFirst().size();
    int[] widths = new int[columns];
    for (List<String> row : rows) {
      for (int i = 0; i < columns; i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    List<String> lines = new ArrayList<>();
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < columns; i++) {
        line.append(i == 0 ? "" : GAP).repeat(' ', widths[i] - row.get(i).length());
        line.append(row.get(i));
      }
      lines.add(line.toString());
    }
    return lines;
  }
}
