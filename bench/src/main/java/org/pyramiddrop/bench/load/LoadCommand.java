package org.pyramiddrop.bench.load;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.Invocation;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.OutputFile;
import org.pyramiddrop.bench.ResultFile;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.model.RepeatedLoad;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * How fast a checkpoint's weights get to the GPU. Loads, reads on the host and copies from pinned
 * memory take turns, so that what drifts meets all of them.
 */
@Command(
    name = "load",
    description = "Times a checkpoint's way to the GPU beside that of files and bus.",
    showDefaultValues = true)
public final class LoadCommand implements Callable<Integer> {
  private final PrintWriter out;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--model", required = true, description = "a checkpoint's folder")
  private Path model = Path.of("");

  @Option(names = "--runs", description = "timed loads behind the first")
  private int runs = 3;

  @Option(names = "--threads", description = "that read on the host (one a core, 16 at most)")
  private int threads = Math.min(16, Runtime.getRuntime().availableProcessors());

  @Option(names = "--markdown", description = "a Markdown file for the table")
  private @Nullable Path markdown;

  public LoadCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() throws InterruptedException {
    if (runs < 1 || threads < 1) {
      throw new IllegalArgumentException("--runs and --threads must be at least 1");
    }
    OutputFile.check("--markdown", markdown);
    try (RepeatedLoad load = RepeatedLoad.open(model, "cuda")) {
      LoadReport report = measure(load);
      List<String> facts =
          List.of(
              "machine: " + Machine.here(),
              "device: " + load.device(),
              "command: " + Invocation.of(spec),
              "setting: %d threads read on the host".formatted(threads));
      report.document(facts).lines().forEach(out::println);
      ResultFile.write(
          "load.json",
          file -> {
            facts.forEach(fact -> file.withArray("facts").add(fact));
            report.json(file);
          });
      if (markdown != null) {
        OutputFile.write(markdown, report.document(facts).markdown());
      }
    }
    return 0;
  }

  private LoadReport measure(RepeatedLoad load) throws InterruptedException {
    double resident = new HostRead(load.stored()).resident();
    RepeatedLoad.Loaded first = load.load();
    HostRead read = new HostRead(first.mapped());
    List<Double> loads = new ArrayList<>();
    List<Double> reads = new ArrayList<>();
    List<Double> copies = new ArrayList<>();
    for (int i = 0; i < runs; i++) {
      reads.add(read.millis(threads));
      copies.add(Bus.millis(first.bytes()));
      loads.add(load.load().millis());
    }
    return new LoadReport(
        first.bytes(),
        resident,
        first.millis(),
        Spread.of(loads),
        Spread.of(reads),
        Spread.of(copies));
  }
}
