package org.pyramiddrop.bench.jmh;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.jmh.Results.Row;

/**
 * Two runs of the same benchmarks. A row agrees if what both runs say, from their lowest time to
 * their highest, has something in common.
 */
final class Beside {
  private Beside() {}

  /**
   * As text, the count of rows that agree in the last line.
   *
   * @throws IllegalArgumentException if the runs have no benchmark in common
   */
  static List<String> lines(Results earlier, Results later) {
    Table table =
        new Table()
            .row(
                "operation",
                "shape",
                "type",
                "earlier ms",
                "low-high",
                "later ms",
                "low-high",
                "later : earlier",
                "agree");
    List<String> alone = new ArrayList<>();
    int both = 0;
    int agree = 0;
    for (Row row : later.rows()) {
      Optional<Row> before = twin(row, earlier);
      if (before.isEmpty()) {
        alone.add("only in the later run: " + name(row));
        continue;
      }
      Spread first = before.get().millis();
      Spread second = row.millis();
      boolean same = agree(first, second);
      both++;
      agree += same ? 1 : 0;
      table.row(
          row.operation(),
          row.shape(),
          row.dtype(),
          Summary.digits(first.median()),
          range(first),
          Summary.digits(second.median()),
          range(second),
          "%.2f".formatted(second.median() / first.median()),
          same ? "yes" : "no");
    }
    for (Row row : earlier.rows()) {
      if (twin(row, later).isEmpty()) {
        alone.add("only in the earlier run: " + name(row));
      }
    }
    if (both == 0) {
      throw new IllegalArgumentException("the two runs have no benchmark in common");
    }
    List<String> lines = new ArrayList<>();
    lines.add("earlier: " + about(earlier));
    lines.add("later: " + about(later));
    lines.addAll(table.lines());
    lines.addAll(alone);
    lines.add("%d of %d rows agree".formatted(agree, both));
    return lines;
  }

  static boolean agree(Spread a, Spread b) {
    return a.low() <= b.high() && b.low() <= a.high();
  }

  private static Optional<Row> twin(Row row, Results among) {
    return among.rows().stream()
        .filter(other -> other.benchmark().equals(row.benchmark()))
        .filter(other -> other.parameters().equals(row.parameters()))
        .findFirst();
  }

  private static String name(Row row) {
    return String.join(" ", row.operation(), row.shape(), row.dtype()).strip();
  }

  private static String about(Results results) {
    return results.machine() + "; " + results.device() + "; " + results.date();
  }

  private static String range(Spread spread) {
    return Summary.digits(spread.low()) + "-" + Summary.digits(spread.high());
  }
}
