package org.pyramiddrop.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Tables with what has to be known about them, as text and as Markdown.
 *
 * @param facts where, when and by what they were measured
 */
public record Document(List<String> facts, List<? extends Table<?>> tables) {
  /** Of facts by name, a line each. */
  public static Document of(Map<String, String> facts, List<? extends Table<?>> tables) {
    List<String> lines =
        facts.entrySet().stream().map(fact -> fact.getKey() + ": " + fact.getValue()).toList();
    return new Document(lines, tables);
  }

  public List<String> lines() {
    List<String> lines = new ArrayList<>(facts);
    for (Table<?> table : tables) {
      lines.addAll(List.of("", table.title()));
      lines.addAll(table.lines());
      lines.addAll(table.notes());
    }
    return lines;
  }

  /** As Markdown. */
  public List<String> markdown() {
    List<String> lines = new ArrayList<>();
    facts.forEach(fact -> lines.add("- " + fact));
    for (Table<?> table : tables) {
      lines.addAll(List.of("", "## " + table.title(), ""));
      lines.addAll(table.markdown());
      table.notes().forEach(note -> lines.addAll(List.of("", note)));
    }
    return lines;
  }
}
