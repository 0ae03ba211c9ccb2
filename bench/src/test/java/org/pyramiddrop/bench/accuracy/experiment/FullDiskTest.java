package org.pyramiddrop.bench.accuracy.experiment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.pyramiddrop.bench.FullDisk;
import org.pyramiddrop.bench.checkpoint.CheckpointShape;
import org.pyramiddrop.bench.checkpoint.RandomCheckpoint;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.compare.RawNumbers;
import org.pyramiddrop.kernels.DType;
import org.pyramiddrop.training.chart.LineChart;

/** Each kind of file that is too large for the disk it is to lie on. */
class FullDiskTest {
  private static final String SAID = " can't be written: No space left on device";

  @TempDir private Path temp;

  private static List<String> names(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }

  private static void assertFails(Path folder, String name, ThrowingCallable writing)
      throws IOException {
    assertThatThrownBy(writing).as(name).hasMessage(folder.resolve(name) + SAID);
    assertThat(names(folder)).as("beside " + name).isEmpty();
  }

  @Test
  void nothingOfAFileStays() throws Exception {
    try (FullDisk disk = FullDisk.in(temp, 8)) {
      Path folder = disk.folder();
      StringWriter out = new StringWriter();
      Report report = new Report(folder, new PrintWriter(out, true), List.of());
      Table<String> csv = new Table<>("", List.of("x".repeat(20_000))).column("a", text -> text);
      BufferedImage noise = new BufferedImage(200, 200, BufferedImage.TYPE_INT_RGB);
      Random random = new Random(7);
      for (int i = 0; i < 200 * 200; i++) {
        noise.setRGB(i % 200, i / 200, random.nextInt());
      }
      assertFails(folder, "x.csv", () -> report.csv("x", csv));
      assertFails(folder, "x.png", () -> report.image("x.png", noise));
      assertFails(
          folder, "x.f32", () -> RawNumbers.write(folder.resolve("x.f32"), new float[9000]));

      LineChart chart = new LineChart("", "", "").line("", List.of(new LineChart.Point(1, 2)));
      report.chart("chart", chart);
      assertThat(out.toString()).startsWith(folder.resolve("chart.png") + SAID + "; ");
      assertThat(names(folder)).isEmpty();
    }
  }

  @Test
  void nothingOfACheckpointStays() throws Exception {
    try (FullDisk disk = FullDisk.in(temp, 8)) {
      Path folder = disk.folder().resolve("model");
      CheckpointShape shape = CheckpointShape.LLAVA_7B.withLayers(1);
      assertThatThrownBy(() -> RandomCheckpoint.write(folder, shape.config(), DType.FLOAT32, 1))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("its disk has 0.0 GB left");
      assertThat(names(disk.folder())).isEmpty();
    }
  }

  @Test
  void aJournalKeepsWhatItHadAndGoesOnLater() throws Exception {
    Journal.Entry small = new Journal.Entry(0, "all", "a", "yes", 1, 1, 1, 1);
    Journal.Entry large = new Journal.Entry(0, "all", "b", "y".repeat(20_000), 1, 1, 1, 1);
    try (FullDisk disk = FullDisk.in(temp, 8)) {
      Path path = disk.folder().resolve("answers.jsonl");
      try (Journal journal = Journal.open(path, Map.of("model", "m"), false)) {
        journal.add(small);
        assertThatThrownBy(() -> journal.add(large)).hasMessage(path + SAID);
      }
      try (Journal journal = Journal.open(path, Map.of("model", "m"), false)) {
        assertThat(journal.entries("all", "a")).containsExactly(small);
        assertThat(journal.entries("all", "b")).isEmpty();
      }
    }
  }
}
