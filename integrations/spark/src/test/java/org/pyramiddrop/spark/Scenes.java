package org.pyramiddrop.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.LoadOptions;
import org.pyramiddrop.transformer.Options;
import org.pyramiddrop.transformer.Question;

/** The demo model, and its held-out pictures and questions as rows. */
final class Scenes {
  private static final Path FOLDER = Path.of("../../models/scenes").toAbsolutePath().normalize();
  private static final Path PICTURES = FOLDER.resolve("heldout");
  private static final Pattern LINE =
      Pattern.compile("\\{\"image\": \"([^\"]+)\", \"question\": \"([^\"]+)\".*");

  static final String MODEL = FOLDER.resolve("model").toString();

  /** How questions are asked here. */
  static final Options OPTIONS = Options.defaults().withMaxTokens(8);

  private static final StructType COLUMNS =
      new StructType()
          .add("key", DataTypes.LongType)
          .add("path", DataTypes.StringType)
          .add("content", DataTypes.BinaryType)
          .add("question", DataTypes.StringType);

  /** A question about a picture. */
  record Scene(Path picture, String question) {
    byte[] bytes() {
      try {
        return Files.readAllBytes(picture);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    Row row(long key) {
      return RowFactory.create(key, picture.toString(), bytes(), question);
    }
  }

  private Scenes() {}

  /** The first of them; there are 300. */
  static List<Scene> first(int count) {
    List<Scene> scenes = new ArrayList<>();
    try {
      for (String line : Files.readAllLines(PICTURES.resolve("questions.jsonl"))) {
        Matcher matcher = LINE.matcher(line);
        if (!matcher.matches()) {
          throw new IllegalStateException(line);
        }
        scenes.add(new Scene(PICTURES.resolve(matcher.group(1)), matcher.group(2)));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return scenes.subList(0, count);
  }

  /** A DataFrame of rows: a key, a path, the bytes there, a question. */
  static Dataset<Row> frame(SparkSession spark, List<Row> rows, int partitions) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    return spark.createDataFrame(context.parallelize(rows, partitions), COLUMNS);
  }

  /** Rows with keys from 0, over and over through some scenes. */
  static List<Row> rows(List<Scene> scenes, int count) {
    return IntStream.range(0, count)
        .mapToObj(key -> scenes.get(key % scenes.size()).row(key))
        .toList();
  }

  /** What one process answers, a question at a time. */
  static List<Answer> answers(List<Scene> scenes) {
    try (Llava model = load()) {
      return scenes.stream()
          .map(scene -> model.ask(Question.of(scene.question(), scene.picture()), OPTIONS))
          .toList();
    }
  }

  /** The model in this process, on what runs it in tasks that Spark gives no GPU. */
  static Llava load() {
    return Llava.load(
        Path.of(MODEL), LoadOptions.defaults().withBackend(Backend.fastestWithoutGpu()));
  }

  static ImageQuestions questions() {
    return ImageQuestions.of(ExecutorModel.in(MODEL)).withOptions(OPTIONS);
  }
}
