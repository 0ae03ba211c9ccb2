package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;

/**
 * The ways in which a user has the command. Both need the jar, which Maven makes in its phase
 * {@code package}.
 */
enum Installation {
  /** A clone in which {@code make build} ran. */
  CHECKOUT {
    @Override
    Path folder() {
      return root();
    }
  },

  /** A folder as {@code make dist} makes it, without what checks a GPU; made once a build. */
  DIST {
    @Override
    Path folder() throws IOException, InterruptedException {
      Path target = Files.createDirectories(Path.of("target").toAbsolutePath());
      Path folder = target.resolve("dist");
      Path stamp = target.resolve("dist-of");
      try (FileChannel lock =
          FileChannel.open(
              target.resolve("dist-lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        lock.lock(); // Until the channel is closed: tests may run in several processes.
        String now = state();
        if (!Files.exists(stamp) || !Files.readString(stamp).equals(now)) {
          Files.deleteIfExists(stamp);
          make(target.resolve("dist-making"), folder);
          Files.writeString(stamp, now);
        }
      }
      return folder;
    }
  };

  /** The folder it stands in. */
  abstract Path folder() throws IOException, InterruptedException;

  /** The command. */
  Path command() throws IOException, InterruptedException {
    return folder().resolve("bin/pyramiddrop");
  }

  /** The root of this project. */
  static Path root() {
    return Path.of("../..").toAbsolutePath().normalize();
  }

  /** What the folder is made of, and when that was made. */
  private static String state() throws IOException {
    StringBuilder state = new StringBuilder(System.getProperty("java.home"));
    for (String name : List.of("Makefile", "bin/pyramiddrop", "cli/target/pyramiddrop.jar")) {
      Path file = root().resolve(name);
      assertThat(file).as("made by mvn package").exists();
      state.append('\n').append(name).append(' ').append(Files.getLastModifiedTime(file));
    }
    return state.toString();
  }

  private static void make(Path own, Path folder) throws IOException, InterruptedException {
    CommandRun made =
        new Program(
                Files.createDirectories(own),
                List.of("make", "-C", root().toString(), "command-folder", "DIST=" + folder))
            .within(Duration.ofMinutes(5))
            .run();
    assertThat(made.code()).as("%s%s", made.out(), made.err()).isZero();
  }
}
