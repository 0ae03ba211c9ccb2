package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.BenchCommand;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Prints the table of an earlier run again, or sets two runs beside each other. */
@Command(
    name = "summary",
    description = "Prints a run's table again, or sets it beside that of an earlier one.")
public final class SummaryCommand extends BenchCommand {
  @Option(names = "--beside", paramLabel = "EARLIER")
  private @Nullable Path earlier;

  @Parameters(
      arity = "0..1",
      paramLabel = "JSON",
      description = "results of a run; those of the last one unless given")
  private @Nullable Path results;

  @Override
  public Integer call() {
    Results run =
        Results.read(results == null ? BenchFolder.root().resolve(Results.FILE) : results);
    Document document = earlier == null ? run.document() : run.beside(Results.read(earlier));
    print(document);
    return 0;
  }
}
