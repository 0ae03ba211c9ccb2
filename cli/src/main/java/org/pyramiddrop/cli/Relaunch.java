package org.pyramiddrop.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts the same program again, on the same Java, with the flags that it needs. */
final class Relaunch {
  private static final List<String> FLAGS =
      List.of(
          "--add-modules=jdk.incubator.vector",
          "--enable-native-access=ALL-UNNAMED",
          "-XX:MaxRAMPercentage=60");

  private Relaunch() {}

  /** Returns the exit code of the second run; a signal that ends this one ends that one too. */
  static int run(String... args) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command(args)).inheritIO().start();
    Thread end = new Thread(process::destroy, "end-second-run");
    Runtime.getRuntime().addShutdownHook(end);
    return process.waitFor();
  }

  static List<String> command(String... args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(FLAGS);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    command.addAll(List.of(args));
    return command;
  }
}
