package org.pyramiddrop.bench.gpu;

import java.util.List;
import org.pyramiddrop.bench.Document;
import org.pyramiddrop.bench.Document.Section;

/** Tables as a reader sees them. */
final class Lines {
  private Lines() {}

  /** A table with its title and notes. */
  static List<String> of(Section section) {
    return new Document(List.of(), List.of(section)).lines();
  }

  /** The cells of the first line that begins so, empty ones left out. */
  static List<String> cells(Section section, String start) {
    String line = of(section).stream().filter(l -> l.startsWith(start)).findFirst().orElseThrow();
    return List.of(line.strip().split(" {2,}"));
  }
}
