package org.pyramiddrop.bench.speed.jmh;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.jmh.Results.Row;

/** Two runs of the same benchmarks. */
final class RunComparison {
  private RunComparison() {}

  private record Pair(Row earlier, Row later) {
    boolean agree() {
      return RunComparison.agree(earlier.millis(), later.millis());
    }
  }

  /**
   * As a table, the count of rows that agree below it.
   *
   * @throws IllegalArgumentException if the runs have no benchmark in common
   */
  static Document document(Results earlier, Results later) {
    List<Pair> pairs = new ArrayList<>();
    List<String> alone = new ArrayList<>();
    for (Row row : later.rows()) {
      find(row, earlier)
          .ifPresentOrElse(
              before -> pairs.add(new Pair(before, row)),
              () -> alone.add("only in the later run: " + name(row)));
    }
    earlier.rows().stream()
        .filter(row -> find(row, later).isEmpty())
        .forEach(row -> alone.add("only in the earlier run: " + name(row)));
    if (pairs.isEmpty()) {
      throw new IllegalArgumentException("the two runs have no benchmark in common");
    }
    Table<Pair> table =
        new Table<>("two runs", pairs)
            .column("operation", pair -> pair.later().operation())
            .column("shape", pair -> pair.later().shape())
            .column("type", pair -> pair.later().dtype())
            .spread("earlier ms", pair -> pair.earlier().millis())
            .spread("later ms", pair -> pair.later().millis())
            .ratio(
                "later : earlier",
                pair -> pair.later().millis().median() / pair.earlier().millis().median())
            .column("agree", pair -> pair.agree() ? "yes" : "no");
    alone.forEach(table::note);
    long agree = pairs.stream().filter(Pair::agree).count();
    table.note("%d of %d rows agree".formatted(agree, pairs.size()));
    return new Document(
        List.of("earlier: " + about(earlier), "later: " + about(later)), List.of(table));
  }

  /** Whether what two runs say, from their lowest time to their highest, has some in common. */
  static boolean agree(Spread a, Spread b) {
    return a.low() <= b.high() && b.low() <= a.high();
  }

  private static Optional<Row> find(Row row, Results among) {
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
}
