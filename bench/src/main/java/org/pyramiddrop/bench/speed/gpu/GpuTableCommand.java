package org.pyramiddrop.bench.speed.gpu;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.BenchCommand;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.OutputFile;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What several models came to on one GPU, in one table, and the goals beside it. */
@Command(
    name = "gpu-table",
    description = "Puts results of bench gpu, of one machine and commit, into one table.")
public final class GpuTableCommand extends BenchCommand {
  private static final List<String> SHARED = List.of("GPU", "driver", "Java", "commit");

  @Parameters(paramLabel = "FILE", arity = "1..*", description = "JSON files that it wrote")
  private List<Path> files = List.of();

  @Option(names = "--out")
  private @Nullable Path file;

  @Override
  public Integer call() {
    OutputFile.check("--out", file);
    List<ModelResult> results = files.stream().map(ModelResult::read).toList();
    Map<String, String> facts = facts(results);
    print(Document.of(facts, List.of(ModelTables.table(results), Goal.table(results))), file);
    return 0;
  }

  /** The facts of all; where they differ but may, each model's. */
  private Map<String, String> facts(List<ModelResult> results) {
    Map<String, String> facts = new LinkedHashMap<>();
    for (String name : results.getFirst().facts().keySet()) {
      List<String> all =
          results.stream()
              .map(result -> result.facts().getOrDefault(name, "unknown"))
              .distinct()
              .toList();
      if (all.size() > 1 && SHARED.contains(name)) {
        throw new IllegalArgumentException(
            "%s have a different %s: %s".formatted(files, name, String.join("; ", all)));
      }
      facts.put(name, String.join("; ", all));
    }
    if (results.stream().mapToInt(ModelResult::newTokens).distinct().count() > 1) {
      throw new IllegalArgumentException(files + " have answers of different lengths");
    }
    return facts;
  }
}
