package org.pyramiddrop.bench.accuracy.dataset;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.pyramiddrop.loader.dataset.DatasetEntry;
import org.pyramiddrop.loader.dataset.DatasetFile;
import org.pyramiddrop.loader.dataset.ImageFolder;

/** Turns the entries of a file into samples; one at a time, so that a large file fits. */
final class SampleReader {
  private SampleReader() {}

  /**
   * Every sample of a file.
   *
   * @param format not {@link DatasetFormat#AUTO}
   * @param folder the one that images are named in
   * @throws IllegalArgumentException that names the line, or the images that are not there
   */
  static List<Sample> read(Path file, DatasetFormat format, Path folder) {
    ImageFolder images = new ImageFolder(folder);
    Map<String, Sample> samples = new LinkedHashMap<>();
    Consumer<DatasetEntry> add =
        entry -> {
          Sample sample = sample(entry, format, images);
          if (samples.putIfAbsent(sample.id(), sample) != null) {
            throw new IllegalArgumentException(
                "%s: expected an id of its own, but \"%s\" has been there before"
                    .formatted(entry.where(), sample.id()));
          }
        };
    if (format == DatasetFormat.TEXTVQA) {
      new DatasetFile(file).array("data", add);
    } else {
      new DatasetFile(file).lines(add);
    }
    if (samples.isEmpty()) {
      throw new IllegalArgumentException(file + " holds no question");
    }
    images.requireAll();
    return List.copyOf(samples.values());
  }

  private static Sample sample(DatasetEntry entry, DatasetFormat format, ImageFolder images) {
    return switch (format) {
      case JSONL ->
          new Sample(
              entry.has("id") ? entry.name("id") : entry.number(),
              images.image(entry, "image", ""),
              entry.text("question"),
              entry.texts("answers", "strings that are not blank", answer -> !answer.isBlank()));
      case TEXTVQA ->
          new Sample(
              entry.name("question_id"),
              images.image(entry, "image_id", ".jpg", ".png"),
              entry.text("question"),
              entry.texts("answers", "strings only", _ -> true));
      case POPE ->
          new Sample(
              entry.name("question_id"),
              images.image(entry, "image", ""),
              entry.text("text"),
              List.of(entry.text("label", "\"yes\" or \"no\"", PopeReport::isLabel)));
      case AUTO -> throw new IllegalArgumentException("AUTO is no format of a file");
    };
  }
}
