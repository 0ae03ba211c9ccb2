package org.pyramiddrop.bench.accuracy.experiment;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OutputFile;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.training.chart.LineChart;
import org.pyramiddrop.training.chart.LineChart.ChartException;

/** Puts results into a folder and prints them. */
final class Report {
  private final Path folder;
  private final PrintWriter out;
  private final List<String> source;
  private boolean complete = true;

  /**
   * Reports into a folder that is there.
   *
   * @param source where the numbers come from: machine, commit, command, model, questions
   */
  Report(Path folder, PrintWriter out, List<String> source) {
    this.folder = folder;
    this.out = out;
    this.source = List.copyOf(source);
  }

  private Path file(String name) {
    Path file = folder.resolve(name);
    try {
      Files.createDirectories(file.toAbsolutePath().resolveSibling(""));
      return file;
    } catch (IOException e) {
      throw OutputFile.failed(file, e);
    }
  }

  void csv(String name, Table<?> table) {
    OutputFile.write(file(name + ".csv"), table.csv());
  }

  /** Draws NAME.png; if that can't be done, says so and goes on. */
  void chart(String name, LineChart chart) {
    try {
      chart.write(file(name + ".png"));
    } catch (ChartException e) {
      complete = false;
      out.println(e.getMessage() + "; " + folder.resolve(name + ".csv") + " has its numbers");
    }
  }

  boolean has(String file) {
    return Files.exists(folder.resolve(file));
  }

  /** Deletes the PNG files of a folder, which belong to answers that are no more. */
  void deleteImages(String name) {
    Path images = folder.resolve(name);
    if (!Files.isDirectory(images)) {
      return;
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(images, "*.png")) {
      for (Path file : files) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(images + " can't be emptied: " + e.getMessage(), e);
    }
  }

  /** Writes a PNG file; it is there whole or not at all. */
  void image(String file, BufferedImage image) {
    LineChart.write(file(file), image);
  }

  /** Writes NAME.md and prints the same. */
  void table(String name, Table<?> table) {
    OutputFile.write(file(name + ".md"), new Document(source, List.of(table)).markdown());
    print(table);
  }

  void print(Table<?> table) {
    new Document(List.of(), List.of(table)).lines().forEach(out::println);
  }

  /**
   * Prints where the numbers come from and where they are.
   *
   * @return whether everything could be drawn
   */
  boolean finish() {
    out.println();
    source.forEach(out::println);
    out.println("results are in " + folder);
    return complete;
  }
}
