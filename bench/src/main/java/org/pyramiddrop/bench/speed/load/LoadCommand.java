package org.pyramiddrop.bench.speed.load;

import java.nio.file.Path;
import java.util.List;
import org.pyramiddrop.bench.model.RepeatedLoad;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OptionValues;
import org.pyramiddrop.bench.report.ReportingCommand;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.timing.Rounds;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * How fast a checkpoint's weights get to the GPU. Loads, reads on the host and copies from pinned
 * memory take turns, so that what drifts meets all of them.
 */
@Command(
    name = "load",
    description = "Times a checkpoint's way to the GPU beside that of files and bus.",
    showDefaultValues = true)
public final class LoadCommand extends ReportingCommand {
  @Option(names = "--model", required = true, description = "a checkpoint's folder")
  private Path model = Path.of("");

  @Option(names = "--runs", description = "timed loads behind the first")
  private int runs = 3;

  @Option(names = "--threads", description = "that read on the host (one a core, 16 at most)")
  private int threads = Math.min(16, Runtime.getRuntime().availableProcessors());

  @Override
  public Integer call() {
    OptionValues.atLeast(1, "--runs", runs);
    OptionValues.atLeast(1, "--threads", threads);
    checkMarkdown();
    try (RepeatedLoad load = RepeatedLoad.open(model, "cuda")) {
      LoadResult result = measure(load);
      List<String> facts =
          facts(load.device(), "setting: %d threads read on the host".formatted(threads));
      publish(new Document(facts, List.of(result.table())), "load.json", result);
    }
    return 0;
  }

  private LoadResult measure(RepeatedLoad load) {
    double resident = new HostRead(load.stored()).resident();
    RepeatedLoad.Loaded first = load.load();
    HostRead read = new HostRead(first.mapped());
    List<Spread> millis =
        Rounds.of(0, runs)
            .<Double>run(
                List.of(
                    () -> load.load().millis(),
                    () -> read.millis(threads),
                    () -> Bus.millis(first.bytes())))
            .stream()
            .map(Spread::of)
            .toList();
    return new LoadResult(
        first.bytes(), resident, first.millis(), millis.get(0), millis.get(1), millis.get(2));
  }
}
