package org.pyramiddrop.bench.jmh;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.jmh.Results.Ceiling;
import org.pyramiddrop.bench.jmh.Results.Row;

/** A run's results in words and as a table. */
final class Summary {
  private Summary() {}

  /** As text. */
  static List<String> lines(Results results) {
    List<String> lines = new ArrayList<>(facts(results));
    lines.addAll(table(results).lines());
    lines.add(note());
    return lines;
  }

  /** As Markdown. */
  static List<String> markdown(Results results) {
    List<String> lines = new ArrayList<>();
    facts(results).forEach(fact -> lines.add("- " + fact));
    lines.add("");
    lines.addAll(table(results).markdown());
    lines.add("");
    lines.add(note());
    return lines;
  }

  private static List<String> facts(Results results) {
    List<String> facts = new ArrayList<>();
    facts.add("machine: " + results.machine());
    facts.add(
        "measured on " + results.device() + " by " + results.command() + ", " + results.date());
    for (Ceiling ceiling : results.ceilings()) {
      facts.add("ceiling: " + named(ceiling));
    }
    return facts;
  }

  private static String named(Ceiling ceiling) {
    String speed = digits(ceiling.speed());
    String type = ceiling.dtype().isEmpty() ? "" : ceiling.dtype() + " ";
    return switch (ceiling.limit()) {
      case ARITHMETIC -> "%s GFLOP/s (%s%s)".formatted(speed, type, ceiling.measured());
      case MEMORY -> "%s GB/s (%s%s)".formatted(speed, type, ceiling.measured());
      case LATENCY -> throw new IllegalArgumentException("latency is no ceiling");
    };
  }

  private static String note() {
    return "Times are of one operation: the median of all runs, their lowest and highest. The share is of"
        + " the ceiling that bounds the operation, arithmetic or, where bytes are counted, memory; a"
        + " ceiling is the fastest iteration of its probe.";
  }

  private static Table table(Results results) {
    Table table =
        new Table()
            .row(
                "operation",
                "shape",
                "type",
                "median ms",
                "low-high",
                "GFLOP/s",
                "GB/s",
                "of ceiling");
    for (Row row : results.rows()) {
      table.row(
          row.operation(),
          row.shape(),
          row.dtype(),
          digits(row.millis().median()),
          digits(row.millis().low()) + "-" + digits(row.millis().high()),
          optional(row.gflops()),
          optional(row.gigabytes()),
          row.share() == null ? "" : "%.0f%%".formatted(100 * row.share()));
    }
    return table;
  }

  private static String optional(@Nullable Double value) {
    return value == null ? "" : digits(value);
  }

  /** Three digits or more. */
  static String digits(double value) {
    int magnitude = value == 0 ? 0 : (int) Math.floor(Math.log10(Math.abs(value)));
    return String.format(Locale.ROOT, "%." + Math.max(0, 2 - magnitude) + "f", value);
  }
}
