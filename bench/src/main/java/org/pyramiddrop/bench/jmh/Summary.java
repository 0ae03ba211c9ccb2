package org.pyramiddrop.bench.jmh;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import org.pyramiddrop.bench.Machine;
import org.pyramiddrop.bench.Spread;
import org.pyramiddrop.bench.Table;
import org.pyramiddrop.bench.jmh.Work.Limit;

/**
 * JMH's results as a short table: medians with their spread, speeds, and their share of the ceiling
 * that the same run measured.
 */
final class Summary {
  private static final double GIGA = 1e9;

  private final List<JmhResult> results;

  private Summary(List<JmhResult> results) {
    this.results = results;
  }

  static Summary read(Path file) {
    return new Summary(JmhResult.read(file));
  }

  void print(PrintWriter out) {
    Table table =
        new Table()
            .row(
                "operation",
                "shape",
                "weights",
                "median ms",
                "low",
                "high",
                "speed",
                "",
                "of ceiling");
    for (JmhResult result : results) {
      Work work = Work.of(result);
      boolean ceiling = isCeiling(result);
      Spread spread = result.values();
      table.row(
          result.name().replace("Benchmark", "").replace(".product", "").replace(".step", ""),
          work.shape(),
          work.dtype(),
          ceiling ? "" : decimal(spread.median()),
          ceiling ? "" : decimal(spread.low()),
          ceiling ? "" : decimal(spread.high()),
          "%.1f".formatted(speed(result, work)),
          work.limit().unit(),
          ceiling ? "" : share(result, work));
    }
    out.println();
    out.println(Machine.here());
    table.lines().forEach(out::println);
  }

  /** Billions of FLOPs or bytes a second, by the median. */
  private static double speed(JmhResult result, Work work) {
    double median = result.values().median();
    return isCeiling(result)
        ? work.amount() * median / GIGA
        : work.amount() / (median / 1e3) / GIGA;
  }

  private String share(JmhResult result, Work work) {
    OptionalDouble ceiling = ceiling(work.limit());
    return ceiling.isPresent()
        ? "%.0f%%".formatted(100 * speed(result, work) / ceiling.getAsDouble())
        : "-";
  }

  /** The best that this machine reached on all cores, if the run measured it. */
  OptionalDouble ceiling(Limit limit) {
    return results.stream()
        .filter(r -> isCeiling(r) && r.name().endsWith(".allCores"))
        .filter(r -> Work.of(r).limit() == limit)
        .mapToDouble(r -> speed(r, Work.of(r)))
        .max();
  }

  private static boolean isCeiling(JmhResult result) {
    return result.name().startsWith("PeakBenchmark.")
        || result.name().startsWith("ReadBandwidthBenchmark.");
  }

  private static String decimal(double millis) {
    return String.format(Locale.ROOT, millis < 100 ? "%.2f" : "%.0f", millis);
  }
}
