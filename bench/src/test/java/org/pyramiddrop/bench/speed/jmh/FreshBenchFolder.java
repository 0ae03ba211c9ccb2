package org.pyramiddrop.bench.speed.jmh;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;

/** Gives a test class a folder for checkpoints and results of its own. */
final class FreshBenchFolder implements BeforeAllCallback, AfterAllCallback {
  private String before = "";

  @Override
  public void beforeAll(ExtensionContext context) throws IOException {
    before = System.getProperty(BenchFolder.PROPERTY, "");
    System.setProperty(BenchFolder.PROPERTY, Files.createTempDirectory("bench").toString());
  }

  @Override
  public void afterAll(ExtensionContext context) throws IOException {
    Path folder = BenchFolder.root();
    if (before.isEmpty()) {
      System.clearProperty(BenchFolder.PROPERTY);
    } else {
      System.setProperty(BenchFolder.PROPERTY, before);
    }
    List<Path> files;
    try (Stream<Path> all = Files.walk(folder)) {
      files = all.sorted(Comparator.reverseOrder()).toList();
    }
    files.forEach(FreshBenchFolder::delete);
  }

  private static void delete(Path file) {
    try {
      Files.delete(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
