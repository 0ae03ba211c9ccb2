package org.pyramiddrop.bench.report;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.loader.AtomicFile;

/** Files that measurements end in, there whole or not at all. */
public final class OutputFile {
  private OutputFile() {}

  /**
   * Refuses a file that couldn't be written once the work is done.
   *
   * @param option what names it
   * @param file null for none
   * @throws IllegalArgumentException saying why
   */
  public static void check(String option, @Nullable Path file) {
    try {
      if (file != null) {
        AtomicFile.check(file);
      }
    } catch (IOException e) {
      throw new IllegalArgumentException(
          option + " " + file + " can't be written: " + AtomicFile.reason(e), e);
    }
  }

  public static void write(Path file, List<String> lines) {
    String text = String.join("\n", lines) + "\n";
    write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Writes what takes a stream.
   *
   * @throws UncheckedIOException with the system's reason
   */
  public static void write(Path file, AtomicFile.Content content) {
    try {
      AtomicFile.write(file, content);
    } catch (IOException e) {
      throw failed(file, e);
    }
  }

  /** Makes an empty folder for files that other processes read too. */
  public static Path temporaryFolder(Path in, String name) {
    try {
      return Files.createTempDirectory(in, name).toAbsolutePath();
    } catch (IOException e) {
      throw failed(in, e);
    }
  }

  /** Deletes a folder that holds nothing but files, if it is there. */
  public static void deleteFolder(Path folder) {
    if (!Files.isDirectory(folder)) {
      return;
    }
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
      Files.delete(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(folder + " can't be deleted: " + AtomicFile.reason(e), e);
    }
  }

  /** That a file can't be written, and why. */
  public static UncheckedIOException failed(Path file, IOException e) {
    return new UncheckedIOException(file + " can't be written: " + AtomicFile.reason(e), e);
  }

  /** Where benchmarks keep results and the checkpoints they run on. */
  public static final class BenchFolder {
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
}
