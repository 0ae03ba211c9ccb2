package org.pyramiddrop.bench.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where benchmarks keep results and the checkpoints they run on. */
public final class BenchFolder {
  /** Names another folder than {@code bench/target/bench}. */
  public static final String PROPERTY = "pyramiddrop.bench.folder";

  private BenchFolder() {}

  public static Path root() {
    Path root = Path.of(System.getProperty(PROPERTY, "bench/target/bench"));
    try {
      return Files.createDirectories(root);
    } catch (IOException e) {
      throw OutputFile.failed(root, e);
    }
  }
}
