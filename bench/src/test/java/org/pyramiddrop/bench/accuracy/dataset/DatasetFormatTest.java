package org.pyramiddrop.bench.accuracy.dataset;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.pyramiddrop.bench.accuracy.dataset.Dataset.Sample;

class DatasetFormatTest {
  private static final String SHORT = "\nAnswer the question using a single word or phrase.";

  @TempDir private Path temp;

  @ParameterizedTest
  @EnumSource(names = {"AUTO", "JSONL"})
  void readsJsonLines(DatasetFormat format) throws IOException {
    images(temp, "a.png", "sub/b.jpg");
    Path file =
        write(
            "mine.jsonl",
            """
            {"label": "count", "image": "a.png", "question": "how many?", "answers": ["2", "two"]}

            {"image": "sub/../sub/b.jpg", "question": "é?", "answers": ["red"], "id": 7, "extra": {"a": 1}}
            {"id": "x-1", "image": "a.png", "question": "why?", "answers": ["red"]}
            """);
    Dataset dataset = Dataset.read(file, format, null);
    assertThat(dataset)
        .isEqualTo(
            new Dataset(
                "mine",
                List.of(
                    new Sample("1", temp.resolve("a.png"), "how many?", List.of("2", "two")),
                    new Sample("7", temp.resolve("sub/b.jpg"), "é?", List.of("red")),
                    new Sample("x-1", temp.resolve("a.png"), "why?", List.of("red"))),
                Metric.EXACT_MATCH,
                ""));
  }

  @ParameterizedTest
  @EnumSource(names = {"AUTO", "TEXTVQA"})
  void readsTextVqasOwnFile(DatasetFormat format) throws IOException {
    images(temp.resolve("train_images"), "003a8ae2ef43b901.jpg", "17.png");
    Path file =
        write(
            "TextVQA_0.5.1_val.json",
            """
            {"dataset_type": "val", "dataset_name": "textvqa", "dataset_version": "0.5.1", "data": [
              {"question": "what brand?", "image_id": "003a8ae2ef43b901", "image_width": 1024,
               "image_classes": ["Camera", "Strap"], "set_name": "val", "question_id": 34602,
               "answers": ["nous les gosses", "dakota", "", "dakota", "dakota"]},
              {"question_id": 34603, "image_id": "17", "question": "what?", "answers": ["a", "b"]}
            ], "more": {"data": [1]}}
            """);
    Dataset dataset = Dataset.read(file, format, null);
    assertThat(dataset)
        .isEqualTo(
            new Dataset(
                "TextVQA_0.5.1_val",
                List.of(
                    new Sample(
                        "34602",
                        temp.resolve("train_images/003a8ae2ef43b901.jpg"),
                        "what brand?",
                        List.of("nous les gosses", "dakota", "", "dakota", "dakota")),
                    new Sample(
                        "34603", temp.resolve("train_images/17.png"), "what?", List.of("a", "b"))),
                Metric.VQA_ACCURACY,
                SHORT));
  }

  @ParameterizedTest
  @EnumSource(names = {"AUTO", "POPE"})
  void readsPopesOwnFile(DatasetFormat format) throws IOException {
    Path coco = temp.resolve("coco");
    images(coco, "COCO_val2014_000000310196.jpg");
    Path file =
        write(
            "coco_pope_random.json",
            """
            {"question_id": 1, "image": "COCO_val2014_000000310196.jpg", "text": "Is there a snowboard in the image?", "label": "yes"}
            {"question_id": 2, "image": "COCO_val2014_000000310196.jpg", "text": "Is there a chair?", "label": "no"}
            """);
    Path image = coco.resolve("COCO_val2014_000000310196.jpg");
    assertThat(Dataset.read(file, format, coco))
        .isEqualTo(
            new Dataset(
                "coco_pope_random",
                List.of(
                    new Sample("1", image, "Is there a snowboard in the image?", List.of("yes")),
                    new Sample("2", image, "Is there a chair?", List.of("no"))),
                Metric.POPE_ACCURACY,
                SHORT));
  }

  @Test
  void takesQuestionsJsonlOutOfAFolder() throws IOException {
    images(temp, "a.png");
    write(
        "questions.jsonl",
        """
        {"question_id": 1, "image": "a.png", "text": "Is there a dog?", "label": "no"}
        """);
    Dataset dataset = Dataset.read(temp, DatasetFormat.AUTO, temp);
    assertThat(dataset.name()).isEqualTo(temp.getFileName().toString());
    assertThat(dataset.metric()).isEqualTo(Metric.POPE_ACCURACY);
  }

  private Path write(String name, String content) throws IOException {
    return Files.writeString(temp.resolve(name), content);
  }

  private static void images(Path folder, String... names) throws IOException {
    for (String name : names) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.createFile(file);
    }
  }
}
