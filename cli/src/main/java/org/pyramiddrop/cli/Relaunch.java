package org.pyramiddrop.cli;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts the same program again, on the same Java, with the flags that it needs. */
final class Relaunch {
  private static final List<String> FLAGS =
      List.of(
          "--add-modules=jdk.incubator.vector",
          "--enable-native-access=ALL-UNNAMED",
          "-XX:+UseSerialGC",
          "-XX:MaxRAMPercentage=60");

  private Relaunch() {}

  /** Returns the exit code of the second run; a signal that ends this one ends that one too. */
  static int run(String... args) throws IOException, InterruptedException {
    List<String> given = ManagementFactory.getRuntimeMXBean().getInputArguments();
    Process process = new ProcessBuilder(command(given, args)).inheritIO().start();
    Thread end =
        new Thread(
            () -> {
              process.destroy();
              process.onExit().join();
            },
            "end-second-run");
    Runtime.getRuntime().addShutdownHook(end);
    return process.waitFor();
  }

  /**
   * The second run's command.
   *
   * @param given what the first run's Java was started with, which comes last and so wins
   */
  static List<String> command(List<String> given, String... args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // Java refuses to start with two collectors.
    FLAGS.stream()
        .filter(flag -> !isCollector(flag) || given.stream().noneMatch(Relaunch::isCollector))
        .forEach(command::add);
    command.addAll(given);
    command.add("-cp");
    command.add(System.getProperty("java.class.path"));
    command.add(Main.class.getName());
    command.addAll(List.of(args));
    return command;
  }

  private static boolean isCollector(String flag) {
    return flag.matches("-XX:\\+Use\\w*GC");
  }
}
