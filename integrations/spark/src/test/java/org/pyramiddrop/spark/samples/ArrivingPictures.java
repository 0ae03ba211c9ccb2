package org.pyramiddrop.spark.samples;

import java.util.concurrent.TimeoutException;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.pyramiddrop.spark.ExecutorModel;
import org.pyramiddrop.spark.ImageQuestions;
import org.pyramiddrop.transformer.Options;

/** Asks one question about each picture that arrives in a folder, and keeps the answers. */
public final class ArrivingPictures {
  private ArrivingPictures() {}

  /**
   * Runs until it is stopped.
   *
   * @param arguments the model's folder, the question, the folder that pictures arrive in, and the
   *     one that answers go to
   */
  public static void main(String[] arguments) throws TimeoutException, StreamingQueryException {
    SparkSession spark = SparkSession.builder().appName("arriving pictures").getOrCreate();
    start(spark, arguments[0], arguments[1], arguments[2], arguments[3]).awaitTermination();
  }

  /** Begins to answer. Started again on the same folders, it goes on where it ended. */
  public static StreamingQuery start(
      SparkSession spark, String model, String question, String arriving, String answers)
      throws TimeoutException {
    Dataset<Row> pictures =
        spark
            .readStream()
            .schema(spark.read().format("binaryFile").load(arriving).schema())
            .format("binaryFile")
            .option("pathGlobFilter", "*.{png,jpg,jpeg,webp}")
            .option("maxFilesPerTrigger", 1000)
            .load(arriving);
    ImageQuestions questions =
        ImageQuestions.of(ExecutorModel.in(model))
            .withQuestion(question)
            .withOptions(Options.defaults().withMaxTokens(32));
    return questions
        .answers(pictures)
        .drop("content")
        .writeStream()
        .format("parquet")
        .option("path", answers)
        .option("checkpointLocation", answers + "/_checkpoint")
        .start();
  }
}
