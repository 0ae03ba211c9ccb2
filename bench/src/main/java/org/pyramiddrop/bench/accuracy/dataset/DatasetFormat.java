package org.pyramiddrop.bench.accuracy.dataset;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;
import org.pyramiddrop.loader.dataset.DatasetEntry;
import org.pyramiddrop.loader.dataset.DatasetFile;
import org.pyramiddrop.loader.dataset.ImageFolder;

/** How a file holds its questions. */
public enum DatasetFormat {
  /** Whichever of the others the file's first object looks like. */
  AUTO("", Metric.EXACT_MATCH),
  /**
   * Lines of {@code {"image": …, "question": …, "answers": […]}}, with an {@code "id"} or named by
   * line number; images beside the file.
   */
  JSONL("", Metric.EXACT_MATCH),
  /**
   * TextVQA's own annotations ({@code TextVQA_0.5.1_val.json}); images in {@code train_images}
   * beside the file.
   */
  TEXTVQA("train_images", Metric.VQA_ACCURACY),
  /**
   * POPE's own lines of {@code {"question_id": …, "image": …, "text": …, "label": "yes"}} ({@code
   * coco_pope_random.json}); images in {@code val2014} beside the file.
   */
  POPE("val2014", Metric.POPE_ACCURACY);

  /** The folder beside the file that its images are in. */
  final String images;

  final Metric metric;

  DatasetFormat(String images, Metric metric) {
    this.images = images;
    this.metric = metric;
  }

  /**
   * Recognises a file by the fields of its first object; of TextVQA's long array it reads nothing.
   *
   * @throws IllegalArgumentException if it looks like none
   */
  static DatasetFormat recognise(Path file) {
    DatasetFile dataset = new DatasetFile(file);
    if (dataset.hasArray("data")) {
      return TEXTVQA;
    }
    Set<String> names = dataset.fields();
    if (names.contains("answers")) {
      return JSONL;
    }
    if (names.contains("label")) {
      return POPE;
    }
    throw new IllegalArgumentException(
        file
            + ", line 1: expected an object with \"answers\" (JSON lines), \"label\" (POPE) or a"
            + " \"data\" array (TextVQA), but found "
            + (names.isEmpty() ? "none" : names));
  }

  /**
   * Every sample of a file; one entry at a time, so that a large file fits.
   *
   * @throws IllegalArgumentException that names the line, or the images that are not there
   */
  List<Sample> read(Path file, Path folder) {
    ImageFolder images = new ImageFolder(folder);
    Map<String, Sample> samples = new LinkedHashMap<>();
    Consumer<DatasetEntry> add =
        entry -> {
          Sample sample = sample(entry, images);
          if (samples.putIfAbsent(sample.id(), sample) != null) {
            throw new IllegalArgumentException(
                "%s: expected an id of its own, but \"%s\" has been there before"
                    .formatted(entry.where(), sample.id()));
          }
        };
    if (this == TEXTVQA) {
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

  private Sample sample(DatasetEntry entry, ImageFolder images) {
    return switch (this) {
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
