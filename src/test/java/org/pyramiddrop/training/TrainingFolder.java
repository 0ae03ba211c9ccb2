package org.pyramiddrop.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** A small model, data to train it on, and a place for the result. */
record TrainingFolder(Path folder) {
  private static final Path FIXTURES = Path.of("resources", "fixtures").toAbsolutePath();
  private static final List<String> PICTURES = List.of("wide.png", "upright.png");
  private static final List<String> ANSWERS =
      List.of("star", "circle red", "both", "what is", "red", "the star", "is it", "circle");

  Path model() {
    return FIXTURES.resolve("mha-float32");
  }

  Path images() {
    return FIXTURES.resolve("pictures");
  }

  Path out() {
    return folder.resolve("out");
  }

  Path data() {
    return folder.resolve("samples.jsonl");
  }

  static String question(int sample) {
    return "what is on the red circle ?" + " how many ?".repeat(sample / 2);
  }

  static String answer(int sample) {
    return ANSWERS.get(sample);
  }

  static String picture(int sample) {
    return PICTURES.get(sample % PICTURES.size());
  }

  static String line(String id, String image, String question, String answer) {
    return """
    {"id": "%s", "image": "%s", "conversations": [\
    {"from": "human", "value": "<image>\\n%s"}, {"from": "gpt", "value": "%s"}]}\
    """
        .formatted(id, image, question, answer);
  }

  /** Writes so many samples, which the model can tell apart. */
  TrainingFolder samples(int count) throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      lines.add(line("s" + i, picture(i), question(i), answer(i)));
    }
    Files.write(data(), lines);
    return this;
  }

  /** The command that trains, and further arguments. */
  String[] command(String... more) {
    return Stream.concat(
            Stream.of(
                "train",
                "--model",
                model().toString(),
                "--data",
                data().toString(),
                "--images",
                images().toString(),
                "--out",
                out().toString(),
                "--backend",
                "cpu"),
            Arrays.stream(more))
        .toArray(String[]::new);
  }
}
