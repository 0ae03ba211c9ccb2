package org.pyramiddrop;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A program that runs as a process of its own, in an environment that holds nothing but what is
 * named here: a {@code PATH} of the system's folders, the JDK of the tests as {@code JAVA_HOME},
 * and a {@code HOME} and a {@code TMPDIR} that are empty folders. Its standard input is a pipe that
 * ends at once.
 */
final class Program {
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private final Path own;
  private final List<String> command;
  private final Path home;
  private final Path temporary;
  private final ProcessBuilder builder;
  private final Map<String, String> environment = new TreeMap<>();
  private String input = "";
  private Duration limit = LIMIT;

  /**
   * A command with its arguments.
   *
   * @param own a folder that exists, in which the program's home and temporary folder are made
   */
  Program(Path own, List<String> command) throws IOException {
    this.own = own;
    this.command = command;
    home = Files.createDirectories(own.resolve("home"));
    temporary = Files.createDirectories(own.resolve("tmp"));
    builder = new ProcessBuilder(command);
    environment.put("PATH", "/usr/local/bin:/usr/bin:/bin");
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    environment.put("HOME", home.toAbsolutePath().toString());
    environment.put("TMPDIR", temporary.toAbsolutePath().toString());
  }

  /** A script under a shell, which is {@code sh} or one of {@link #shells}. */
  static Program script(Path own, String shell, Path script, String... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(List.of(shell, script.toAbsolutePath().toString()));
    command.addAll(List.of(arguments));
    return new Program(own, command);
  }

  /** The shells of this machine that scripts have to run under. */
  static Stream<String> shells() {
    return Stream.of("sh", "dash", "bash").filter(Program::isThere);
  }

  /** Whether a command stands in one of the system's folders. */
  static boolean isThere(String command) {
    return Stream.of("/usr/local/bin", "/usr/bin", "/bin")
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, command)));
  }

  /** The folder that stands for the user's home. */
  Path home() {
    return home;
  }

  /** The folder for temporary files. */
  Path temporary() {
    return temporary;
  }

  /** Runs it in a folder other than that of the tests. */
  Program in(Path folder) {
    builder.directory(folder.toFile());
    return this;
  }

  Program with(String name, String value) {
    environment.put(name, value);
    return this;
  }

  Program without(String name) {
    environment.remove(name);
    return this;
  }

  /** Gives it these lines on a pipe, and then the end. */
  Program reading(String... lines) {
    input = String.join("\n", lines) + "\n";
    return this;
  }

  /** Gives it a file, such as {@code /dev/null}, as its standard input. */
  Program readingFile(Path file) {
    builder.redirectInput(file.toFile());
    return this;
  }

  /**
   * Sends its standard output to a file, such as {@code /dev/full}; a run's {@code out} is empty.
   */
  Program outTo(Path file) {
    builder.redirectOutput(file.toFile());
    return this;
  }

  /** Sends its standard error to a file; a run's {@code err} is empty. */
  Program errTo(Path file) {
    builder.redirectError(file.toFile());
    return this;
  }

  /** Ends it after another time than two minutes, and fails the test. */
  Program within(Duration time) {
    limit = time;
    return this;
  }

  /**
   * Makes it the first of a process group, as a shell does with what it starts on a terminal, so
   * that {@link RunningProgram#signalGroup} is what Ctrl-C does.
   */
  Program inGroupOfItsOwn() {
    builder.command(Stream.concat(Stream.of("setsid"), command.stream()).toList());
    return this;
  }

  /** Runs it to its end. */
  CommandRun run() throws IOException, InterruptedException {
    try (RunningProgram running = start()) {
      running.write(input);
      running.endInput();
      return running.end();
    }
  }

  /** Starts it with an open pipe as its standard input, unless that is a file. */
  RunningProgram start() throws IOException {
    builder.environment().clear();
    builder.environment().putAll(environment);
    return new RunningProgram(builder.start(), command, limit);
  }

  /** What lies in its home and its temporary folder, as paths below them. */
  List<String> leftovers() throws IOException {
    List<String> left = new ArrayList<>();
    for (Path folder : List.of(home, temporary)) {
      try (Stream<Path> files = Files.walk(folder)) {
        files
            .filter(file -> !file.equals(folder))
            .map(file -> own.relativize(file).toString().replace(File.separator, "/"))
            .forEach(left::add);
      }
    }
    return left;
  }
}
