package org.pyramiddrop.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * Tables with what has to be known about them, as text and as Markdown.
 *
 * @param facts where, when and by what they were measured
 * @param sections the tables
 */
public record Document(List<String> facts, List<Section> sections) {
  /** Keeps its own copies. */
  public Document {
    facts = List.copyOf(facts);
    sections = List.copyOf(sections);
  }

  /**
   * A table.
   *
   * @param notes sentences below it
   */
  public record Section(String title, Table table, List<String> notes) {
    /** Keeps its own copy of the notes. */
    public Section {
      notes = List.copyOf(notes);
    }
  }

  /** As text. */
  public List<String> lines() {
    List<String> lines = new ArrayList<>(facts);
    for (Section section : sections) {
      lines.add("");
      lines.add(section.title());
      lines.addAll(section.table().lines());
      lines.addAll(section.notes());
    }
    return lines;
  }

  /** As Markdown. */
  public List<String> markdown() {
    List<String> lines = new ArrayList<>();
    facts.forEach(fact -> lines.add("- " + fact));
    for (Section section : sections) {
      lines.addAll(List.of("", "## " + section.title(), ""));
      lines.addAll(section.table().markdown());
      section.notes().forEach(note -> lines.addAll(List.of("", note)));
    }
    return lines;
  }
}
