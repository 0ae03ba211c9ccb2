package org.pyramiddrop.bench.compare;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.OutputFile;
import org.pyramiddrop.bench.ResultFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * This library beside others on the same operations and data, in one sitting: what is wrong is not
 * timed, and what is timed runs in turn.
 */
@Command(
    name = "compare",
    description = "Times operations and whole models in turn with PyTorch and Jlama.")
public final class SideBySide implements Callable<Integer> {
  private static final long PAUSE_MILLIS = 300;
  private static final int DISAGREEMENT = 1;

  /** Others that can be left out. */
  enum PeerName {
    TORCH,
    JLAMA
  }

  private final PrintWriter out;

  @Option(
      names = "--python",
      description = "an interpreter with torch and transformers (${DEFAULT-VALUE})")
  private String python = "python3";

  @Option(names = "--script", description = "PyTorch's side (${DEFAULT-VALUE})")
  private Path script = Path.of("bench", "src", "main", "python", "torch_side.py");

  @Option(names = "--quick", description = "fewer runs and no warm-up, in under five minutes")
  private boolean quick;

  @Option(names = "--repetitions", description = "most timed runs of each side (11; quick: 5)")
  private @Nullable Integer repetitions;

  @Option(
      names = "--seconds",
      description =
          "begin no further round of an operation after these, but run 3 (60; quick: 5, but run 2)")
  private @Nullable Double seconds;

  @Option(names = "--threads", description = "threads of each side (one a core)")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--only", description = "operations whose name has this in it")
  private String only = "";

  @Option(names = "--without", split = ",", description = "leave out ${COMPLETION-CANDIDATES}")
  private Set<PeerName> without = EnumSet.noneOf(PeerName.class);

  @Option(names = "--markdown", description = "writes the table with what was compared")
  private @Nullable Path markdown;

  public SideBySide(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    Rounds rounds =
        new Rounds(
            quick ? 0 : 10,
            quick ? 2 : 3,
            repetitions == null ? (quick ? 5 : 11) : repetitions,
            seconds == null ? (quick ? 5 : 60) : seconds,
            PAUSE_MILLIS);
    if (threads < 1) {
      throw new IllegalArgumentException("--threads must be at least 1, not " + threads);
    }
    if (without.size() == PeerName.values().length) {
      throw new IllegalArgumentException("--without leaves nobody to compare with");
    }
    OutputFile.check("--markdown", markdown);
    List<Result> results = new ArrayList<>();
    List<String> versions = List.of();
    try (Peers peers = new Peers()) {
      List<PeerProcess> all = peers.start();
      versions = all.stream().map(PeerProcess::versions).toList();
      Referee referee = new Referee(BenchFolder.root(), all, threads, rounds);
      for (Contest contest : Programme.all()) {
        if (contest.name().contains(only)
            && all.stream().anyMatch(peer -> peer.has(contest.operation()))) {
          out.println("running " + contest.name() + ", " + contest.dtype().label());
          out.flush();
          results.add(referee.hold(contest));
        }
      }
    } catch (PeerProcess.Failure e) {
      if (!results.isEmpty()) {
        out.println();
        out.println("not all was compared: " + e.getMessage());
        report(new Report(Machine.here(), versions, threads, command(), results));
      }
      throw e;
    }
    if (results.isEmpty()) {
      throw new IllegalArgumentException("nothing to compare; change --only or --without");
    }
    report(new Report(Machine.here(), versions, threads, command(), results));
    return results.stream().anyMatch(Result::disagrees) ? DISAGREEMENT : 0;
  }

  private void report(Report report) {
    out.println();
    report.text().forEach(out::println);
    ResultFile.write("compare.json", report::json);
    if (markdown != null) {
      OutputFile.write(markdown, report.markdown());
    }
  }

  /** What repeats the measurement, without what lies elsewhere on another machine. */
  private String command() {
    List<String> options = new ArrayList<>();
    if (quick) {
      options.add("--quick");
    }
    if (repetitions != null) {
      options.add("--repetitions " + repetitions);
    }
    if (seconds != null) {
      options.add("--seconds " + seconds);
    }
    if (!only.isEmpty()) {
      options.add("--only '" + only + "'");
    }
    without.forEach(peer -> options.add("--without " + peer.name().toLowerCase(Locale.ROOT)));
    return "make compare"
        + (options.isEmpty() ? "" : " ARGS=\"" + String.join(" ", options) + "\"");
  }

  /** The other sides, ended together. */
  private final class Peers implements AutoCloseable {
    private final Deque<PeerProcess> started = new ArrayDeque<>();

    List<PeerProcess> start() {
      if (!without.contains(PeerName.TORCH)) {
        started.add(TorchSide.start(python, script, threads));
      }
      if (!without.contains(PeerName.JLAMA)) {
        started.add(JlamaSide.start(threads));
      }
      for (PeerProcess peer : started) {
        if (peer.threads() != threads) {
          throw new PeerProcess.Failure(
              "%s runs on %d threads, not %d".formatted(peer.name(), peer.threads(), threads));
        }
      }
      return List.copyOf(started);
    }

    @Override
    public void close() {
      started.forEach(PeerProcess::close);
    }
  }
}
