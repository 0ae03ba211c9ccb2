package org.pyramiddrop.spark;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What executors that a test starts take for an installed Spark: {@code SPARK_HOME}. */
final class SparkHome {
  private SparkHome() {}

  private static Path folder() {
    return Path.of(System.getenv("SPARK_HOME"));
  }

  /**
   * A folder for what Spark keeps while it runs. It is the same for all tests of a process, since
   * Spark goes on using the first that it was told of.
   */
  static Path temporary() throws IOException {
    return Files.createDirectories(folder().resolve("tmp"));
  }

  /** Links the jars of the class path that Spark brings, and returns all else on it. */
  static List<Path> linkSparksJars() throws IOException {
    Path jars = Files.createDirectories(folder().resolve("jars"));
    try (Stream<Path> before = Files.list(jars)) {
      for (Path link : before.toList()) {
        Files.delete(link);
      }
    }
    List<Path> ours = new ArrayList<>();
    int links = 0;
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      Path path = Path.of(entry);
      if (Files.isDirectory(path) || isOurs(entry)) {
        ours.add(path);
      } else {
        Files.createSymbolicLink(jars.resolve(links++ + "-" + path.getFileName()), path);
      }
    }
    return ours;
  }

  /** A jar that this build made, or that its images and its JSON need. */
  private static boolean isOurs(String jar) {
    return jar.matches(".*/(target|twelvemonkeys|tools/jackson)/.*");
  }
}
