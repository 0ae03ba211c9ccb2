package org.pyramiddrop.bench.dataset;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Turns the entries of a file into samples; one at a time, so that a large file fits. */
final class SampleReader {
  private static final List<String> AS_NAMED = List.of("");
  private static final List<String> BY_ID = List.of(".jpg", ".png");

  private final PictureFolder pictures;
  private final List<Sample> samples = new ArrayList<>();
  private final Set<String> ids = new HashSet<>();

  private SampleReader(Path pictures) {
    this.pictures = new PictureFolder(pictures);
  }

  /**
   * Every sample of a file.
   *
   * @param format not {@link DatasetFormat#AUTO}
   * @param pictures the folder that pictures are named in
   * @throws IllegalArgumentException that names the line, or the pictures that are not there
   */
  static List<Sample> read(Path file, DatasetFormat format, Path pictures) {
    SampleReader reader = new SampleReader(pictures);
    switch (format) {
      case JSONL -> Json.lines(file, reader::jsonl);
      case TEXTVQA -> Json.elements(file, "data", reader::textVqa);
      case POPE -> Json.lines(file, reader::pope);
      case AUTO -> throw new IllegalArgumentException("AUTO is no format of a file");
    }
    if (reader.samples.isEmpty()) {
      throw new IllegalArgumentException(file + " holds no question");
    }
    reader.pictures.requireAll();
    return reader.samples;
  }

  private void jsonl(Entry entry) {
    List<String> answers = entry.texts("answers");
    if (answers.stream().anyMatch(String::isBlank)) {
      throw entry.bad("answers", "strings that are not blank");
    }
    add(
        entry,
        entry.has("id") ? entry.name("id") : entry.number(),
        pictures.picture(entry, "image", AS_NAMED),
        entry.text("question"),
        answers);
  }

  private void textVqa(Entry entry) {
    add(
        entry,
        entry.name("question_id"),
        pictures.picture(entry, "image_id", BY_ID),
        entry.text("question"),
        entry.texts("answers"));
  }

  private void pope(Entry entry) {
    String label = entry.text("label");
    if (!PopeReport.isLabel(label)) {
      throw entry.bad("label", "\"yes\" or \"no\"");
    }
    add(
        entry,
        entry.name("question_id"),
        pictures.picture(entry, "image", AS_NAMED),
        entry.text("text"),
        List.of(label));
  }

  private void add(Entry entry, String id, Path picture, String question, List<String> answers) {
    if (!ids.add(id)) {
      throw new IllegalArgumentException(
          entry.where() + ": expected an id of its own, but \"" + id + "\" has been there before");
    }
    samples.add(new Sample(id, picture, question, answers));
  }
}
