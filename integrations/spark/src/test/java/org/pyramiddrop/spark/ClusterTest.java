package org.pyramiddrop.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.File;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.jar.JarOutputStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.transformer.Answer;
import org.pyramiddrop.transformer.Backend;

/** A cluster of two executors, each a process of its own, that get our jars as users send them. */
final class ClusterTest {
  private static final int ROWS = 400;
  private static final long FATAL_KEY = 200;

  @TempDir private Path folder;

  @Test
  void aKilledExecutorsPartitionsRunAgainAndTheAnswersStayTheSame() throws Exception {
    List<Scenes.Scene> scenes = Scenes.first(120);
    List<Answer> alone = Scenes.answers(scenes);
    Path marker = folder.resolve("killed");
    List<Row> answered;
    SparkSession spark = cluster();
    try {
      Dataset<Row> answers =
          on(Backend.fastestWithoutGpu())
              .answers(Scenes.frame(spark, Scenes.rows(scenes, ROWS), 8));
      answered =
          answers
              .drop("content")
              .map(dyingOnce(marker.toString()), Encoders.row(answers.drop("content").schema()))
              .collectAsList();
      assertThatThrownBy(() ->
              on(Backend.AUTO)
                  .answers(Scenes.frame(spark, Scenes.rows(scenes, 1), 1))
                  .collectAsList())
          .as("Spark gave the task a GPU, which must not end on the CPU")
          .hasStackTraceContaining("DeviceException: the CUDA backend can't be used: ");
    } finally {
      spark.stop();
    }
    assertThat(marker).exists();
    assertThat(answered)
        .extracting(row -> row.getLong(0))
        .isEqualTo(LongStream.range(0, ROWS).boxed().toList());
    for (int i = 0; i < ROWS; i++) {
      Row row = answered.get(i);
      Answer answer = alone.get(i % scenes.size());
      assertThat(row.<String>getAs("error")).isNull();
      assertThat(row.<String>getAs("answer")).isEqualTo(answer.text());
      assertThat(row.<Integer>getAs("answer_tokens")).isEqualTo(answer.tokenIds().size());
    }
  }

  private static ImageQuestions on(Backend backend) {
    ExecutorModel model = ExecutorModel.in(Scenes.MODEL).withBackend(backend).withThreads(1);
    return ImageQuestions.of(model).withOptions(Scenes.OPTIONS);
  }

  /** Ends the process that handles one row, the first time. */
  private static MapFunction<Row, Row> dyingOnce(String marker) {
    return row -> {
      if (row.getLong(0) == FATAL_KEY && first(marker)) {
        Runtime.getRuntime().halt(1);
      }
      return row;
    };
  }

  private static boolean first(String marker) throws IOException {
    try {
      Files.createFile(Path.of(marker));
      return true;
    } catch (FileAlreadyExistsException e) {
      return false;
    }
  }

  /** Two executors with a core each, and what Spark takes for a GPU. */
  private SparkSession cluster() throws IOException {
    Path temporary = SparkHome.temporary();
    List<String> ours = new ArrayList<>();
    for (Path entry : SparkHome.linkSparksJars()) {
      Path jar = folder.resolve("classes-" + ours.size() + ".jar");
      ours.add((Files.isDirectory(entry) ? jar(entry, jar) : entry).toString());
    }
    Path gpus =
        Files.writeString(
            folder.resolve("gpus.sh"),
            "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"0\"]}'\n");
    assertThat(gpus.toFile().setExecutable(true)).isTrue();
    return SparkSession.builder()
        .master("local-cluster[2,1,1024]")
        .config("spark.ui.enabled", false)
        .config("spark.jars", String.join(",", ours))
        .config("spark.local.dir", temporary.toString())
        .config(
            "spark.executor.extraJavaOptions",
            "-Djava.io.tmpdir=%s -Dpyramiddrop.cuda.driver=none".formatted(temporary))
        .config("spark.worker.resource.gpu.amount", 1)
        .config("spark.worker.resource.gpu.discoveryScript", gpus.toString())
        .config("spark.executor.resource.gpu.amount", 1)
        .config("spark.task.resource.gpu.amount", 1)
        .getOrCreate();
  }

  private static Path jar(Path classes, Path jar) throws IOException {
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
        Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        out.putNextEntry(
            new ZipEntry(classes.relativize(file).toString().replace(File.separatorChar, '/')));
        Files.copy(file, out);
        out.closeEntry();
      }
    }
    return jar;
  }
}
