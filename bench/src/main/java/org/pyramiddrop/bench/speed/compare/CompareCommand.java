package org.pyramiddrop.bench.speed.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.checkpoint.ModelSize;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.bench.timing.Rounds;
import org.pyramiddrop.kernels.Devices;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * This library beside others on the same operations and data, in one sitting: what is wrong is not
 * timed, and what is timed runs in turn.
 */
@Command(
    name = "compare",
    description = "Times operations and whole models in turn with PyTorch, Jlama and llama.cpp.")
public final class CompareCommand extends ReportingCommand {
  private static final long PAUSE_MILLIS = 300;
  private static final int DISAGREEMENT = 1;

  enum PeerName {
    TORCH,
    JLAMA
  }

  @Option(names = "--python")
  private String python = "python3";

  @Option(names = "--script")
  private Path script = Path.of("bench", "src", "main", "python", "torch_side.py");

  @Option(names = "--llama-cpp")
  private @Nullable Path llamaCpp;

  @Option(names = "--quick")
  private boolean quick;

  @Option(names = "--repetitions")
  private @Nullable Integer repetitions;

  @Option(names = "--seconds")
  private @Nullable Double seconds;

  @Option(names = "--threads")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--backend")
  private String backend = "cpu";

  @Option(names = "--only")
  private String only = "";

  @Option(names = "--without", split = ",")
  private Set<PeerName> without = EnumSet.noneOf(PeerName.class);

  @Override
  public Integer call() {
    int most = repetitions == null ? (quick ? 5 : 11) : repetitions;
    double until = seconds == null ? (quick ? 5 : 60) : seconds;
    OptionValues.atLeast(1, "--repetitions", most);
    OptionValues.atLeast(1, "--threads", threads);
    if (!(until >= 0)) {
      throw new IllegalArgumentException("--seconds must not be negative, not " + until);
    }
    if (llamaCpp == null && without.size() == PeerName.values().length) {
      throw new IllegalArgumentException("--without leaves nobody to compare with");
    }
    checkMarkdown();
    Devices.require(backend);
    Rounds rounds =
        quick
            ? new Rounds(0, 0, 2, most, until, PAUSE_MILLIS)
            : new Rounds(1, 10, 3, most, until, PAUSE_MILLIS);
    List<Result> results = new ArrayList<>();
    List<PeerProcess> peers = new ArrayList<>();
    try {
      start(peers);
      hold(peers, rounds, results);
    } catch (PeerProcess.Failure e) {
      if (!results.isEmpty()) {
        out().println();
        out().println("not all was compared: " + e.getMessage());
        publish(peers, results);
      }
      throw e;
    } finally {
      peers.forEach(PeerProcess::close);
    }
    if (results.isEmpty()) {
      throw new IllegalArgumentException("nothing to compare; change --only or --without");
    }
    publish(peers, results);
    return results.stream().anyMatch(Result::disagrees) ? DISAGREEMENT : 0;
  }

  private void start(List<PeerProcess> peers) {
    if (!without.contains(PeerName.TORCH)) {
      peers.add(PeerProcess.torch(python, script, threads));
    }
    if (!without.contains(PeerName.JLAMA)) {
      peers.add(PeerProcess.jlama(threads));
    }
    if (llamaCpp != null) {
      Path program = LlamaCppMain.program(llamaCpp);
      peers.add(PeerProcess.llamaCpp(program, threads, ModelSize.TINY.checkpoint()));
    }
    for (PeerProcess peer : peers) {
      if (peer.threads() != threads) {
        throw new PeerProcess.Failure(
            "%s runs on %d threads, not %d".formatted(peer.name(), peer.threads(), threads));
      }
    }
  }

  private void hold(List<PeerProcess> peers, Rounds rounds, List<Result> results) {
    for (Comparison comparison : Comparisons.all()) {
      String title = comparison.name() + ", " + comparison.dtype().label();
      if (title.contains(only)
          && peers.stream()
              .anyMatch(peer -> peer.has(comparison.operation(), comparison.dtype()))) {
        out().println("running " + title);
        out().flush();
        results.add(Result.of(comparison, BenchFolder.root(), backend, peers, threads, rounds));
      }
    }
  }

  private void publish(List<PeerProcess> peers, List<Result> results) {
    List<String> versions = peers.stream().map(PeerProcess::versions).toList();
    Report all = Report.of(versions, threads, given(), results);
    List<String> facts = List.of("machine: " + Machine.here(), "command: " + given());
    publish(all.document(facts), "compare.json", all);
  }
}
