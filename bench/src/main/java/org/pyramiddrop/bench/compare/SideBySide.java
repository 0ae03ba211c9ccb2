package org.pyramiddrop.bench.compare;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.pyramiddrop.bench.BenchFolder;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * This library and PyTorch on the same operations, in one sitting: repetitions alternate, so that
 * whatever else the machine does meets both.
 */
@Command(name = "compare", description = "Times operations in turn with PyTorch.")
public final class SideBySide implements Callable<Integer> {
  /** Both sides' idle threads spin for a while, and would take cores from the other. */
  private static final long PAUSE_MILLIS = 300;

  private static final int WARM_UP = 3;

  private final PrintWriter out;

  @Option(
      names = "--python",
      description = "an interpreter with torch and transformers (${DEFAULT-VALUE})")
  private String python = "python3";

  @Option(names = "--script", description = "PyTorch's side (${DEFAULT-VALUE})")
  private Path script = Path.of("bench", "src", "main", "python", "torch_side.py");

  @Option(names = "--repetitions", description = "timed runs of each side (${DEFAULT-VALUE})")
  private int repetitions = 11;

  @Option(names = "--threads", description = "threads of each side (one a core)")
  private int threads = Runtime.getRuntime().availableProcessors();

  @Option(names = "--only", description = "operations whose name has this in it")
  private String only = "";

  public SideBySide(PrintWriter out) {
    this.out = out;
  }

  /** Both sides' times of one operation, in milliseconds. */
  record Score(Contest contest, Spread ours, Spread theirs) {
    /** How many times as fast as theirs ours is. */
    double ratio() {
      return theirs.median() / ours.median();
    }
  }

  @Override
  public Integer call() {
    if (repetitions < 1) {
      throw new IllegalArgumentException("--repetitions must be at least 1, not " + repetitions);
    }
    List<Score> scores = new ArrayList<>();
    try (TorchSide torch = TorchSide.start(python, script, threads)) {
      if (torch.threads() != threads) {
        throw new TorchSide.Failure(
            "torch runs on %d threads, not %d".formatted(torch.threads(), threads));
      }
      for (Contest contest : Contest.all(BenchFolder.decoder(BenchFolder.LAYERS))) {
        if (contest.name().contains(only)) {
          scores.add(run(contest, torch, threads, repetitions, PAUSE_MILLIS));
        }
      }
      print(scores, torch.versions());
      save(scores, torch.versions());
    }
    return 0;
  }

  static Score run(
      Contest contest, TorchSide torch, int threads, int repetitions, long pauseMillis) {
    List<Double> ours = new ArrayList<>();
    List<Double> theirs = new ArrayList<>();
    torch.prepare(contest.request());
    try (Contest.Side side = contest.prepare(threads)) {
      for (int i = 0; i < WARM_UP + repetitions; i++) {
        double our = side.millis();
        pause(pauseMillis);
        double their = torch.millis();
        pause(pauseMillis);
        if (i >= WARM_UP) {
          ours.add(our);
          theirs.add(their);
        }
      }
    }
    return new Score(contest, Spread.of(ours), Spread.of(theirs));
  }

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TorchSide.Failure("interrupted");
    }
  }

  private void print(List<Score> scores, String versions) {
    out.println(Machine.here());
    out.printf("%s; %d threads a side, %d repetitions%n", versions, threads, repetitions);
    Table table =
        new Table()
            .row(
                "operation",
                "weights",
                "ours ms",
                "low",
                "high",
                "torch ms",
                "low",
                "high",
                "ratio");
    for (Score score : scores) {
      table.row(
          score.contest().name(),
          score.contest().dtype().label(),
          decimal(score.ours().median()),
          decimal(score.ours().low()),
          decimal(score.ours().high()),
          decimal(score.theirs().median()),
          decimal(score.theirs().low()),
          decimal(score.theirs().high()),
          "%.2f".formatted(score.ratio()));
    }
    table.lines().forEach(out::println);
    out.println("ratio: how many times as fast as PyTorch, by the medians");
  }

  private void save(List<Score> scores, String versions) {
    ResultFile.write(
        "compare.json",
        file -> {
          file.put("torch", versions).put("threads", threads).put("repetitions", repetitions);
          ArrayNode list = file.putArray("operations");
          for (Score score : scores) {
            ObjectNode entry = list.addObject().put("name", score.contest().name());
            entry.put("dtype", score.contest().dtype().label());
            ResultFile.spread(entry.putObject("oursMillis"), score.ours());
            ResultFile.spread(entry.putObject("torchMillis"), score.theirs());
            entry.put("ratio", score.ratio());
          }
        });
  }

  private static String decimal(double millis) {
    return String.format(Locale.ROOT, "%.1f", millis);
  }
}
