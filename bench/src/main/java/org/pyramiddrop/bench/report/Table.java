package org.pyramiddrop.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.DoubleFunction;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Rows of the same type under columns that are declared once, as text, as Markdown and as CSV. The
 * first column is set to the left, the others to the right.
 *
 * @param <R> a row
 */
public final class Table<R> {
  private static final String GAP = "  ";

  private final String title;
  private final List<R> rows;
  private final List<Column<R>> columns = new ArrayList<>();
  private final List<String> notes = new ArrayList<>();

  private record Column<R>(String head, Function<R, ? extends @Nullable Object> cell) {
    String text(R row) {
      Object value = cell.apply(row);
      return value == null ? "" : value.toString();
    }
  }

  public Table(String title, List<R> rows) {
    this.title = title;
    this.rows = List.copyOf(rows);
  }

  /** Adds a column of whatever {@code cell} makes of a row, empty where that is null. */
  public Table<R> column(String head, Function<R, ? extends @Nullable Object> cell) {
    columns.add(new Column<>(head, cell));
    return this;
  }

  /** Adds a column of numbers, as {@link Numbers#number} writes them. */
  public Table<R> number(String head, ToDoubleFunction<R> value) {
    return column(head, row -> Numbers.number(value.applyAsDouble(row)));
  }

  /** Adds a column of ratios, as {@link Numbers#ratio} writes them. */
  public Table<R> ratio(String head, ToDoubleFunction<R> value) {
    return column(head, row -> Numbers.ratio(value.applyAsDouble(row)));
  }

  /** Adds a column of numbers with some digits behind the point. */
  public Table<R> decimal(String head, ToDoubleFunction<R> value, int digits) {
    return column(head, row -> Numbers.decimal(value.applyAsDouble(row), digits));
  }

  /** Adds a column of numbers that not every row has. */
  public Table<R> optional(
      String head, Function<R, @Nullable Double> value, DoubleFunction<String> format) {
    return column(
        head, row -> Optional.ofNullable(value.apply(row)).map(format::apply).orElse(null));
  }

  /** Adds two columns: medians, and the lowest and highest. */
  public Table<R> spread(String head, Function<R, Spread> spread) {
    return number(head, row -> spread.apply(row).median())
        .column("low–high", row -> Numbers.range(spread.apply(row)));
  }

  /** Adds two columns of ratios: medians, and the lowest and highest. */
  public Table<R> ratios(String head, Function<R, Spread> spread) {
    return ratio(head, row -> spread.apply(row).median())
        .column("low–high", row -> Numbers.ratios(spread.apply(row)));
  }

  public Table<R> note(String sentence) {
    notes.add(sentence);
    return this;
  }

  public String title() {
    return title;
  }

  public List<String> notes() {
    return List.copyOf(notes);
  }

  /** The columns' heads, then a line of cells for each row. */
  private List<List<String>> cells() {
    List<List<String>> cells = new ArrayList<>();
    cells.add(columns.stream().map(Column::head).toList());
    rows.forEach(row -> cells.add(columns.stream().map(column -> column.text(row)).toList()));
    return cells;
  }

  /** As text in columns as wide as their widest cell, without title and notes. */
  public List<String> lines() {
    List<List<String>> cells = cells();
    int[] widths =
        IntStream.range(0, columns.size())
            .map(i -> cells.stream().mapToInt(row -> row.get(i).length()).max().orElse(0))
            .toArray();
    return cells.stream().map(row -> line(row, widths)).toList();
  }

  private static String line(List<String> row, int[] widths) {
    StringBuilder line = new StringBuilder(row.getFirst());
    line.repeat(' ', widths[0] - row.getFirst().length());
    for (int i = 1; i < widths.length; i++) {
      line.append(GAP).repeat(' ', widths[i] - row.get(i).length()).append(row.get(i));
    }
    return line.toString();
  }

  /** As Markdown, without title and notes. */
  public List<String> markdown() {
    List<String> lines = new ArrayList<>();
    cells().forEach(row -> lines.add("| " + String.join(" | ", row) + " |"));
    lines.add(1, "| --- |" + " ---: |".repeat(columns.size() - 1));
    return lines;
  }

  /** As comma-separated values, quoted as RFC 4180 says. */
  public List<String> csv() {
    return cells().stream()
        .map(row -> row.stream().map(Table::quoted).collect(Collectors.joining(",")))
        .toList();
  }

  private static String quoted(String text) {
    boolean plain = text.chars().noneMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
    return plain ? text : '"' + text.replace("\"", "\"\"") + '"';
  }
}
