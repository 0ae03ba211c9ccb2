package org.pyramiddrop.bench.experiment;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Lines of comma-separated values as RFC 4180 quotes them, the first one naming the columns. */
final class CsvFile {
  private final List<String> lines = new ArrayList<>();
  private final int columns;

  CsvFile(String... names) {
    columns = names.length;
    row((Object[]) names);
  }

  /** Adds a line with a value for each column. */
  CsvFile row(Object... values) {
    if (values.length != columns) {
      throw new IllegalArgumentException(values.length + " values for " + columns + " columns");
    }
    lines.add(Stream.of(values).map(CsvFile::cell).collect(Collectors.joining(",")));
    return this;
  }

  List<String> lines() {
    return List.copyOf(lines);
  }

  private static String cell(Object value) {
    String text = value.toString();
    boolean plain = text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
    return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
  }
}
