package org.pyramiddrop.bench.jmh;

import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.pyramiddrop.bench.BenchFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Prints the table of an earlier run again. */
@Command(name = "summary", description = "Prints the table of JMH results again.")
public final class SummaryCommand implements Callable<Integer> {
  private final PrintWriter out;

  @Parameters(
      arity = "0..1",
      paramLabel = "JSON",
      description = "results of a run; those of the last one unless given")
  private Path results = Path.of("");

  public SummaryCommand(PrintWriter out) {
    this.out = out;
  }

  @Override
  public Integer call() {
    Path file = results.toString().isEmpty() ? BenchFolder.root().resolve("results.json") : results;
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException("no results at " + file + "; run the benchmarks first");
    }
    Summary.read(file).print(out);
    return 0;
  }
}
