package org.pyramiddrop.spark;

import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.ImageLimits;
import org.pyramiddrop.transformer.Options;

/**
 * Questions about the pictures of a DataFrame, batch or streaming, each row one.
 *
 * {@snippet :
 * ImageQuestions questions =
 *     ImageQuestions.of(ExecutorModel.in("/models/llava-1.5-7b-hf"))
 *         .withQuestion("What is on the table?")
 *         .withOptions(Options.defaults().withMaxTokens(32));
 * Dataset<Row> answers = questions.answers(spark.read().format("binaryFile").load("s3a://pictures"));
 * }
 *
 * <p>{@link #answers} adds columns: {@code answer}, {@code prompt_tokens}, {@code image_tokens},
 * {@code answer_tokens}, {@code finish} ({@code stop} or {@code length}) and {@code error}. A row
 * that can't be asked has its {@code error} in one line and null in the others; all other rows have
 * a null {@code error}. The rows and their order stay as they are.
 *
 * <p>A row's answer is a function of its picture, its question, the options and its seed. Rows of a
 * batch are decoded together, which rounds otherwise than a row alone: {@link #withBatchSize}.
 *
 * @param model what is asked
 * @param pictureColumn the column of pictures: the bytes of PNG, JPEG or WebP files, or as text
 *     their paths, which executors read through Hadoop's file systems
 * @param questionColumn the column of questions, text; null for one question for all
 * @param question that question; empty if there is a column
 * @param raw whether questions are whole prompts, with {@code <image>} where the picture goes, that
 *     are not put through the checkpoint's chat template
 * @param options how each is answered
 * @param seedColumn a column of integers, each row's seed in place of the options' one; null for
 *     none
 * @param limits what a picture may cost
 * @param batchSize how many rows of a task are answered together, at least 1
 */
public record ImageQuestions(
    ExecutorModel model,
    String pictureColumn,
    @Nullable String questionColumn,
    String question,
    boolean raw,
    Options options,
    @Nullable String seedColumn,
    ImageLimits limits,
    int batchSize)
    implements Serializable {
  private static final int BATCH_SIZE = 8;

  /** Refuses a batch of no rows. */
  public ImageQuestions {
    if (batchSize < 1) {
      throw new IllegalArgumentException("the batch size must be at least 1, got " + batchSize);
    }
  }

  /**
   * Questions in a column {@code question} about pictures in a column {@code content}, as Spark's
   * {@code binaryFile} source calls it, answered with {@link Options#defaults}, eight together.
   */
  public static ImageQuestions of(ExecutorModel model) {
    return new ImageQuestions(
        model,
        "content",
        "question",
        "",
        false,
        Options.defaults(),
        null,
        ImageLimits.defaults(),
        BATCH_SIZE);
  }

  /** These about the pictures of another column, binary or paths. */
  public ImageQuestions withPictureColumn(String column) {
    return new ImageQuestions(
        model, column, questionColumn, question, raw, options, seedColumn, limits, batchSize);
  }

  /** These from another column. */
  public ImageQuestions withQuestionColumn(String column) {
    return new ImageQuestions(
        model, pictureColumn, column, "", raw, options, seedColumn, limits, batchSize);
  }

  /** One question about every picture, instead of a column of them. */
  public ImageQuestions withQuestion(String words) {
    return new ImageQuestions(
        model, pictureColumn, null, words, raw, options, seedColumn, limits, batchSize);
  }

  /** These as whole prompts, or put through the checkpoint's chat template. */
  public ImageQuestions withRaw(boolean newRaw) {
    return new ImageQuestions(
        model,
        pictureColumn,
        questionColumn,
        question,
        newRaw,
        options,
        seedColumn,
        limits,
        batchSize);
  }

  /** These answered another way. */
  public ImageQuestions withOptions(Options newOptions) {
    return new ImageQuestions(
        model,
        pictureColumn,
        questionColumn,
        question,
        raw,
        newOptions,
        seedColumn,
        limits,
        batchSize);
  }

  /** These with a seed of each row's own, in a column of integers. */
  public ImageQuestions withSeedColumn(String column) {
    return new ImageQuestions(
        model, pictureColumn, questionColumn, question, raw, options, column, limits, batchSize);
  }

  /** These about pictures within other limits. */
  public ImageQuestions withLimits(ImageLimits newLimits) {
    return new ImageQuestions(
        model,
        pictureColumn,
        questionColumn,
        question,
        raw,
        options,
        seedColumn,
        newLimits,
        batchSize);
  }

  /**
   * These with another number of rows together. With 1 an answer is the bits that {@link
   * org.pyramiddrop.transformer.Llava#ask} gives. More read the weights once for all rows of a
   * decode step, and each answer is the same up to rounding: where two tokens are all but equally
   * likely, the other one may be taken. A partition that runs again makes the same batches.
   */
  public ImageQuestions withBatchSize(int rows) {
    return new ImageQuestions(
        model, pictureColumn, questionColumn, question, raw, options, seedColumn, limits, rows);
  }

  /**
   * Adds the answers to a DataFrame's rows. The model's folder, the plan and the columns are
   * checked at once; answers are computed as Spark wants them, a question a row.
   *
   * @throws IllegalArgumentException if the model's folder isn't there, the plan doesn't fit the
   *     model, a column is missing or has another type, or one is called as an added one is
   * @throws org.pyramiddrop.loader.CheckpointException if the folder is none of a model that can be
   *     run
   */
  public Dataset<Row> answers(Dataset<Row> rows) {
    StructType schema = rows.schema();
    for (StructField added : Outcome.COLUMNS.fields()) {
      if (Arrays.stream(schema.fieldNames()).anyMatch(added.name()::equalsIgnoreCase)) {
        throw new IllegalArgumentException(
            "the data has a column %s already, which answers would add: rename it"
                .formatted(added.name()));
      }
    }
    RowQuestions questions =
        new RowQuestions(
            this,
            pictures(rows),
            index(schema, questionColumn, DataTypes.StringType),
            index(schema, seedColumn, DataTypes.LongType, DataTypes.IntegerType));
    model.check(options);
    StructType answered = schema;
    for (StructField added : Outcome.COLUMNS.fields()) {
      answered = answered.add(added);
    }
    return rows.mapPartitions(new PartitionAnswers(questions), Encoders.row(answered));
  }

  private PictureColumn pictures(Dataset<Row> rows) {
    int index = index(rows.schema(), pictureColumn, DataTypes.BinaryType, DataTypes.StringType);
    boolean paths = rows.schema().fields()[index].dataType().equals(DataTypes.StringType);
    Broadcast<SerializableConfiguration> hadoop =
        paths ? SerializableConfiguration.broadcast(rows.sparkSession().sparkContext()) : null;
    return new PictureColumn(index, pictureColumn, hadoop);
  }

  /** The place of a column of one of some types; -1 if none is wanted. */
  private static int index(StructType schema, @Nullable String column, DataType... types) {
    if (column == null) {
      return -1;
    }
    List<String> names = List.of(schema.fieldNames());
    int index = names.indexOf(column);
    if (index < 0) {
      throw new IllegalArgumentException(
          "the data has no column %s; it has %s".formatted(column, String.join(", ", names)));
    }
    DataType type = schema.fields()[index].dataType();
    if (!List.of(types).contains(type)) {
      throw new IllegalArgumentException(
          "column %s is of type %s, and must be %s"
              .formatted(
                  column,
                  type.simpleString(),
                  String.join(" or ", Arrays.stream(types).map(DataType::simpleString).toList())));
    }
    return index;
  }
}
