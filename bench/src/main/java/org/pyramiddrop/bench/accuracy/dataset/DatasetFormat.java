package org.pyramiddrop.bench.accuracy.dataset;

import java.nio.file.Path;
import java.util.Set;
import org.pyramiddrop.loader.dataset.DatasetFile;

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
}
