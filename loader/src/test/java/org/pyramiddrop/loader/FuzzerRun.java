package org.pyramiddrop.loader;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One of {@link Fuzzers} in a JVM of its own, under libFuzzer as Jazzer drives it. In its folder it
 * keeps what it found, which it tries again first, the inputs that reached new code, and its log.
 *
 * @param inputs how many it ran
 * @param seconds in how many seconds
 * @param findings files with inputs that ended otherwise than documented
 * @param ended whether it ended as it should; else only the log tells
 */
record FuzzerRun(String name, long inputs, long seconds, List<Path> findings, boolean ended) {
  private static final Pattern DONE = Pattern.compile("^Done (\\d+) runs in (\\d+) second", 8);
  private static final Pattern FINDING = Pattern.compile("Test unit written to (.+)$", 8);

  /** What of the readers, and what they build on, reports which branches an input takes. */
  private static final String WATCHED =
      "org.pyramiddrop.loader.**:tools.jackson.core.**:com.twelvemonkeys.**:com.sun.imageio.plugins.**";

  /** Runs a fuzzer that keeps what reaches new code and goes on from there. */
  static FuzzerRun guided(String name, Path folder, Duration budget)
      throws IOException, InterruptedException {
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    return run(
        name,
        folder,
        budget,
        List.of("--keep_going=20", "--instrumentation_includes=" + WATCHED),
        List.of(corpus));
  }

  /** Runs a fuzzer that changes seeds alone; it starts sooner and ends with its first finding. */
  static FuzzerRun blind(String name, Path folder, Path seeds, Duration budget)
      throws IOException, InterruptedException {
    Path none = Files.createDirectories(folder.resolve("none"));
    return run(name, folder, budget, List.of("--hooks=false"), List.of(none, seeds));
  }

  private static FuzzerRun run(
      String name, Path folder, Duration budget, List<String> options, List<Path> inputs)
      throws IOException, InterruptedException {
    Path findings = Files.createDirectories(folder.resolve("findings"));
    Path temporary = Files.createDirectories(folder.resolve("tmp"));
    Path log = folder.resolve("log.txt");
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:+EnableDynamicAgentLoading",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-Djava.io.tmpdir=" + temporary,
                "-cp",
                System.getProperty("java.class.path"),
                "com.code_intelligence.jazzer.Jazzer",
                "--target_class=" + Fuzzers.class.getName(),
                "--target_method=" + name,
                "--reproducer_path=" + temporary));
    command.addAll(options);
    // The first of them takes what is new.
    inputs.forEach(input -> command.add(input.toString()));
    command.addAll(
        List.of(
            findings.toString(),
            "-artifact_prefix=" + findings + File.separator,
            "-keep_seed=1",
            "-max_len=16384",
            // How soon longer inputs come; the default waits ten times as long.
            "-len_control=10",
            "-timeout=30",
            "-rss_limit_mb=2048",
            "-max_total_time=" + budget.toSeconds()));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      process.getOutputStream().close();
      boolean ended = process.waitFor(budget.plusMinutes(3).toSeconds(), TimeUnit.SECONDS);
      return read(name, Files.readString(log), ended && process.exitValue() == 0);
    } finally {
      process.destroyForcibly().waitFor();
    }
  }

  private static FuzzerRun read(String name, String log, boolean ended) {
    List<Path> findings =
        FINDING.matcher(log).results().map(found -> Path.of(found.group(1))).distinct().toList();
    Matcher done = DONE.matcher(log);
    MatchResult last = done.find() ? done.toMatchResult() : null;
    return last == null
        ? new FuzzerRun(name, 0, 0, findings, false)
        : new FuzzerRun(
            name, Long.parseLong(last.group(1)), Long.parseLong(last.group(2)), findings, ended);
  }

  /** Whether no input ended otherwise than documented. */
  boolean isClean() {
    return ended && findings.isEmpty();
  }

  @Override
  public String toString() {
    return "%-14s %,11d inputs %,8d/s  %s"
        .formatted(
            name,
            inputs,
            inputs / Math.max(1, seconds),
            !findings.isEmpty()
                ? findings.size() + " findings: " + findings
                : ended ? "no findings" : "ended early, its log.txt says why");
  }
}
