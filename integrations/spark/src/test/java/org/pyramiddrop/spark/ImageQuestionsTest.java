package org.pyramiddrop.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.pyramiddrop.loader.CheckpointException;
import org.pyramiddrop.loader.ImageLimits;
import org.pyramiddrop.spark.samples.ArrivingPictures;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Backend;
import org.pyramiddrop.transformer.Llava;
import org.pyramiddrop.transformer.Question;
import org.pyramiddrop.transformer.generation.Sampling;
import org.pyramiddrop.transformer.pruning.PruningPlan;

/** Answers of two tasks at a time in this process. */
final class ImageQuestionsTest {
  private static final List<Scenes.Scene> SCENES = Scenes.first(60);

  @TempDir private Path folder;

  private static SparkSession spark;
  private static List<Answer> alone;

  @BeforeAll
  static void start() throws IOException {
    spark =
        SparkSession.builder()
            .master("local[2]")
            .config("spark.ui.enabled", false)
            .config("spark.local.dir", SparkHome.temporary().toString())
            .config("spark.sql.shuffle.partitions", 2)
            .getOrCreate();
    alone = Scenes.answers(SCENES);
  }

  @AfterAll
  static void stop() {
    spark.stop();
  }

  private static List<Row> ask(ImageQuestions questions, List<Row> rows) {
    return questions.answers(Scenes.frame(spark, rows, 2)).collectAsList();
  }

  private static void assertAnswered(Row row, Answer answer) {
    assertThat(row.<String>getAs("answer")).isEqualTo(answer.text());
    assertThat(row.<Integer>getAs("prompt_tokens")).isEqualTo(answer.promptTokens());
    assertThat(row.<Integer>getAs("image_tokens")).isEqualTo(answer.imageTokens());
    assertThat(row.<Integer>getAs("answer_tokens")).isEqualTo(answer.tokenIds().size());
    assertThat(row.<String>getAs("finish"))
        .isEqualTo(answer.finish().toString().toLowerCase(Locale.ROOT));
    assertThat(row.<String>getAs("error")).isNull();
  }

  private static void assertRefused(Row row, String... words) {
    assertThat(row.<String>getAs("error")).contains(words).hasLineCount(1);
    for (String column :
        List.of("answer", "prompt_tokens", "image_tokens", "answer_tokens", "finish")) {
      assertThat(row.<Object>getAs(column)).as(column).isNull();
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 3", "3, 7", "8, 2", "100, 1"})
  void answersAreThoseOfOneProcessWhateverThePartitionsAndBatches(int batch, int partitions) {
    Dataset<Row> frame = Scenes.frame(spark, Scenes.rows(SCENES, 60), partitions);
    List<Row> answered = Scenes.questions().withBatchSize(batch).answers(frame).collectAsList();
    assertThat(answered).extracting(row -> row.getLong(0)).isEqualTo(keys(60));
    for (int i = 0; i < 60; i++) {
      Row row = answered.get(i);
      assertThat(row.getString(3)).isEqualTo(SCENES.get(i).question());
      assertThat(row.<byte[]>getAs(2)).isEqualTo(SCENES.get(i).bytes());
      assertAnswered(row, alone.get(i));
    }
  }

  private static List<Long> keys(int count) {
    return LongStream.range(0, count).boxed().toList();
  }

  @Test
  void picturesAreReadFromPathsAndFromUris() {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      Path picture = SCENES.get(i).picture();
      String name = i % 2 == 0 ? picture.toString() : picture.toUri().toString();
      rows.add(RowFactory.create((long) i, name, null, SCENES.get(i).question()));
    }
    List<Row> answered = ask(Scenes.questions().withPictureColumn("path"), rows);
    for (int i = 0; i < 6; i++) {
      assertAnswered(answered.get(i), alone.get(i));
    }
  }

  @Test
  void oneQuestionIsAskedOfEveryPicture() {
    List<Row> answered =
        ask(Scenes.questions().withQuestion(SCENES.get(1).question()), Scenes.rows(SCENES, 4));
    assertAnswered(answered.get(1), alone.get(1));
    assertThat(answered).allMatch(row -> row.<String>getAs("error") == null);
  }

  @Test
  void aRowThatCannotBeAskedSaysWhyAndTheOthersAreAnswered() {
    byte[] good = SCENES.get(0).bytes();
    byte[] cut = Arrays.copyOf(good, good.length / 2);
    String words = SCENES.get(0).question();
    List<Row> rows =
        List.of(
            RowFactory.create(0L, "", cut, words),
            RowFactory.create(1L, "", good, words),
            RowFactory.create(2L, "", null, words),
            RowFactory.create(3L, "", good, null),
            RowFactory.create(4L, "", "no picture".getBytes(StandardCharsets.UTF_8), words),
            RowFactory.create(5L, "", new byte[0], words),
            RowFactory.create(6L, "", good, "what is <image> ?"),
            RowFactory.create(7L, "", good, "circle ".repeat(2000)),
            RowFactory.create(8L, "", good, words));
    List<Row> answered = ask(Scenes.questions(), rows);
    assertThat(answered).extracting(row -> row.getLong(0)).isEqualTo(keys(9));
    assertRefused(answered.get(0), "content: is truncated");
    assertAnswered(answered.get(1), alone.get(0));
    assertRefused(answered.get(2), "content: is null");
    assertRefused(answered.get(3), "question: is null");
    assertRefused(answered.get(4), "content", "not a PNG, JPEG or WebP image");
    assertRefused(answered.get(5), "empty");
    assertRefused(answered.get(6), "contains <image>");
    assertRefused(answered.get(7), "the model's context holds");
    assertAnswered(answered.get(8), alone.get(0));
  }

  @Test
  void aFileThatCannotBeReadIsItsRowsErrorAlone() throws Exception {
    Path damaged = Files.write(folder.resolve("damaged.png"), new byte[] {1, 2, 3});
    Path missing = folder.resolve("missing.png");
    String words = SCENES.get(0).question();
    List<Row> answered =
        ask(
            Scenes.questions().withPictureColumn("path"),
            List.of(
                RowFactory.create(0L, missing.toString(), null, words),
                RowFactory.create(1L, damaged.toString(), null, words),
                RowFactory.create(2L, folder.toString(), null, words),
                RowFactory.create(3L, "nowhere://bucket/a.png", null, words),
                RowFactory.create(4L, "", null, words),
                RowFactory.create(5L, null, null, words),
                RowFactory.create(6L, SCENES.get(0).picture().toString(), null, words)));
    assertRefused(answered.get(0), missing.toString(), "does not exist");
    assertRefused(answered.get(1), damaged.toString(), "not a PNG, JPEG or WebP image");
    assertRefused(answered.get(2), folder.toString(), "can't be read");
    assertRefused(answered.get(3), "nowhere");
    assertRefused(answered.get(4), "can't name a file");
    assertRefused(answered.get(5), "path: is null");
    assertAnswered(answered.get(6), alone.get(0));
  }

  @Test
  void aPictureOverTheLimitsIsRefused() {
    ImageLimits small = new ImageLimits(1 << 20, 100, 10, Duration.ofSeconds(1));
    List<Row> answered = ask(Scenes.questions().withLimits(small), Scenes.rows(SCENES, 2));
    assertRefused(answered.get(0), "pixels");
    assertRefused(answered.get(1), "pixels");
  }

  @Test
  void seedsAreEachRowsOwn() {
    Sampling warm = Sampling.of(3, 1, 0);
    Dataset<Row> frame =
        Scenes.frame(spark, Scenes.rows(SCENES.subList(0, 1), 6), 3)
            .withColumn("seed", functions.expr("if(key = 5, null, key % 3)"));
    List<Row> answered =
        Scenes.questions()
            .withOptions(Scenes.OPTIONS.withSampling(warm))
            .withSeedColumn("seed")
            .answers(frame)
            .collectAsList();
    List<Answer> drawn = new ArrayList<>();
    try (Llava model = Scenes.load()) {
      for (int seed = 0; seed < 3; seed++) {
        drawn.add(
            model.ask(
                Question.of(SCENES.get(0).question(), SCENES.get(0).picture()),
                Scenes.OPTIONS.withSampling(Sampling.of(3, 1, seed))));
      }
    }
    assertThat(drawn).extracting(Answer::tokenIds).doesNotHaveDuplicates();
    for (int i = 0; i < 5; i++) {
      assertAnswered(answered.get(i), drawn.get(i % 3));
    }
    assertRefused(answered.get(5), "seed: is null");
  }

  @Test
  void aRawPromptIsTakenAsItIs() {
    ImageQuestions raw = Scenes.questions().withRaw(true);
    List<Row> answered =
        ask(raw.withQuestion("<image> how many circle s are there ?"), Scenes.rows(SCENES, 1));
    try (Llava model = Scenes.load()) {
      assertAnswered(
          answered.get(0),
          model.ask(
              Question.raw("<image> how many circle s are there ?", SCENES.get(0).picture()),
              Scenes.OPTIONS));
    }
    assertRefused(ask(raw, Scenes.rows(SCENES, 1)).get(0), "0 <image> places for 1 image");
  }

  @Test
  void tasksOfAnExecutorShareOneModel() {
    ExecutorModel model = ExecutorModel.in(Scenes.MODEL);
    MapPartitionsFunction<Row, Integer> identity =
        rows ->
            List.of(System.identityHashCode(OpenModels.forTask(model, TaskContext.get())))
                .iterator();
    Dataset<Row> frame = Scenes.frame(spark, Scenes.rows(SCENES, 8), 8);
    assertThat(frame.mapPartitions(identity, Encoders.INT()).distinct().count()).isEqualTo(1);
  }

  @Test
  void whatCannotBeRightFailsOnTheDriverAtOnce() throws Exception {
    Dataset<Row> frame = Scenes.frame(spark, Scenes.rows(SCENES, 1), 1);
    Path missing = folder.resolve("no-model");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertThatThrownBy(() -> model(missing).answers(frame))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(missing + ": no such folder on the driver");
    assertThatThrownBy(() -> model(empty).answers(frame))
        .isInstanceOf(CheckpointException.class)
        .hasMessageContaining("config.json");
    assertThatThrownBy(() -> ExecutorModel.in("hdfs://host/model"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("local");
    assertThatThrownBy(() ->
            Scenes.questions()
                .withOptions(Scenes.OPTIONS.withPruning(PruningPlan.fastV(99, 0.5)))
                .answers(frame))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("99");
    assertThatThrownBy(() -> Scenes.questions().withPictureColumn("picture").answers(frame))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the data has no column picture; it has key, path, content, question");
    assertThatThrownBy(() -> Scenes.questions().withPictureColumn("key").answers(frame))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("column key is of type bigint, and must be binary or string");
    assertThatThrownBy(
            () -> Scenes.questions().answers(frame.withColumn("Error", functions.lit(1))))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("column error already");
    assertThatThrownBy(() -> Scenes.questions().withBatchSize(0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static ImageQuestions model(Path folder) {
    return ImageQuestions.of(ExecutorModel.in(folder.toString()));
  }

  @Test
  void aFolderThatOnlyExecutorsHaveFailsTheFirstTask() {
    Path missing = folder.resolve("no-model");
    ImageQuestions questions =
        ImageQuestions.of(ExecutorModel.in(missing.toString()).onExecutorsOnly());
    assertThatThrownBy(() -> ask(questions, Scenes.rows(SCENES, 1)))
        .hasStackTraceContaining("CheckpointException: ")
        .hasStackTraceContaining(missing.toString());
  }

  @Test
  void aBackendThatIsNotThereFailsTheTaskWithTheReason() {
    ImageQuestions questions =
        ImageQuestions.of(ExecutorModel.in(Scenes.MODEL).withBackend(Backend.CUDA));
    System.setProperty("pyramiddrop.cuda.driver", folder.resolve("none").toString());
    try {
      assertThatThrownBy(() -> ask(questions, Scenes.rows(SCENES, 1)))
          .hasStackTraceContaining("DeviceException: the CUDA backend can't be used: ");
    } finally {
      System.clearProperty("pyramiddrop.cuda.driver");
    }
  }

  @Test
  void picturesThatArriveInAFolderAreAnswered() throws Exception {
    Path arriving = Files.createDirectory(folder.resolve("arriving"));
    String answers = folder.resolve("answers").toString();
    StreamingQuery query =
        ArrivingPictures.start(
            spark, Scenes.MODEL, SCENES.get(0).question(), arriving.toString(), answers);
    try {
      copy(SCENES.get(0), arriving);
      query.processAllAvailable();
      assertThat(spark.read().parquet(answers).count()).isEqualTo(1);
      copy(SCENES.get(3), arriving);
      Files.writeString(arriving.resolve("damaged.png"), "no picture");
      query.processAllAvailable();
    } finally {
      query.stop();
    }
    List<Row> rows = spark.read().parquet(answers).orderBy("path").collectAsList();
    assertThat(rows).hasSize(3);
    assertAnswered(rows.get(0), alone.get(0));
    assertThat(rows.get(1).<String>getAs("error")).isNull();
    assertRefused(rows.get(2), "not a PNG, JPEG or WebP image");
  }

  private static void copy(Scenes.Scene scene, Path into) throws Exception {
    Files.copy(scene.picture(), into.resolve(scene.picture().getFileName().toString()));
  }
}
