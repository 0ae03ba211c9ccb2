package org.pyramiddrop.bench.speed.gpu;

import java.util.List;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.Table;

/** Tables as a reader sees them. */
final class Lines {
  private Lines() {}

  /** A table with its title and notes. */
  static List<String> of(Table<?> table) {
    return new Document(List.of(), List.of(table)).lines();
  }

  /** The cells of the first line that begins so, empty ones left out. */
  static List<String> cells(Table<?> table, String start) {
    String line = of(table).stream().filter(l -> l.startsWith(start)).findFirst().orElseThrow();
    return List.of(line.strip().split(" {2,}"));
  }
}
