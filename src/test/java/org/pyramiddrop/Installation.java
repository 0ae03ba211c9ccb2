package org.pyramiddrop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The ways in which a user has the command. Both need the jar, which Maven makes in its phase
 * {@code package}.
 */
enum Installation {
  /**
   * A clone in which {@code make build} ran; what that keeps of Java's classes is made once a
   * build.
   */
  CHECKOUT {
    @Override
    Path folder() throws IOException, InterruptedException {
      once(
          "checkout",
          own -> {
            // Its rule looks at the jar's date, and the jar itself is Maven's here.
            Files.deleteIfExists(root().resolve(CLASSES));
            make(own, "--old-file=cli/target/pyramiddrop.jar", CLASSES);
          });
      return root();
    }
  },

  /** A folder as {@code make dist} makes it, without what checks a GPU; made once a build. */
  DIST {
    @Override
    Path folder() throws IOException, InterruptedException {
      Path folder = Path.of("target/dist").toAbsolutePath();
      once("dist", own -> make(own, "command-folder", "DIST=" + folder));
      return folder;
    }
  };

  private static final String CLASSES = "cli/target/pyramiddrop.jsa";

  /** What makes an installation, given a folder of its own. */
  private interface Maker {
    void make(Path own) throws IOException, InterruptedException;
  }

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

  private static void once(String name, Maker maker) throws IOException, InterruptedException {
    Path target = Files.createDirectories(Path.of("target").toAbsolutePath());
    Path stamp = target.resolve(name + "-of");
    try (FileChannel lock =
        FileChannel.open(
            target.resolve(name + "-lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      lock.lock(); // Until the channel is closed: tests may run in several processes.
      String now = state();
      if (!Files.exists(stamp) || !Files.readString(stamp).equals(now)) {
        Files.deleteIfExists(stamp);
        maker.make(Files.createDirectories(target.resolve(name + "-making")));
        Files.writeString(stamp, now);
      }
    }
  }

  /** What an installation is made of, and when that was made. */
  private static String state() throws IOException {
    StringBuilder state = new StringBuilder(System.getProperty("java.home"));
    for (String name : List.of("Makefile", "bin/pyramiddrop", "cli/target/pyramiddrop.jar")) {
      Path file = root().resolve(name);
      assertThat(file).as("made by mvn package").exists();
      state.append('\n').append(name).append(' ').append(Files.getLastModifiedTime(file));
    }
    return state.toString();
  }

  private static void make(Path own, String... words) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("make", "-C", root().toString()));
    command.addAll(List.of(words));
    CommandRun made = new Program(own, command).within(Duration.ofMinutes(5)).run();
    assertThat(made.code()).as("%s%s", made.out(), made.err()).isZero();
  }
}
