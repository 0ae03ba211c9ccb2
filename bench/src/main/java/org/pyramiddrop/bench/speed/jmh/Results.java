package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.JsonFile;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.OutputFile.BenchFolder;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;
import org.pyramiddrop.bench.speed.jmh.Work.Limit;
import org.pyramiddrop.kernels.DType;

/**
 * One run of benchmarks, each set against the ceilings that the same run measured.
 *
 * @param device on what, in words
 * @param command by what
 * @param date when it ended, in UTC
 * @param ceilings the best that was reached of each
 * @param rows what was measured, ceilings included
 */
record Results(
    Machine machine,
    String device,
    String command,
    String date,
    List<Ceiling> ceilings,
    List<Row> rows) {
  /** The file's name in {@link BenchFolder#root}. */
  static final String FILE = "bench.json";

  private static final double PER_MILLI = 1e6;

  /**
   * What bounds operations.
   *
   * @param dtype the only type it holds for, or empty
   * @param speed 10⁹ FLOPs or bytes a second, in the fastest iteration
   * @param measured the operation that reached it
   */
  record Ceiling(Limit limit, String dtype, double speed, String measured) {
    static Ceiling of(JmhResult result, String dtype) {
      Work work = Work.of(result);
      String shape = work.shape().isEmpty() ? "" : ", " + work.shape();
      // A neighbour's work can only slow a ceiling down: its fastest iteration bounds the others
      // best.
      double speed = Results.speed(work, result.millis().low());
      return new Ceiling(work.limit(), dtype, speed, work.operation() + shape);
    }

    boolean bounds(Work work) {
      return limit == work.limit() && (dtype.isEmpty() || dtype.equals(work.dtype()));
    }

    @Override
    public String toString() {
      return "%s %s (%s%s)"
          .formatted(
              Numbers.number(speed),
              limit == Limit.ARITHMETIC ? "GFLOP/s" : "GB/s",
              dtype.isEmpty() ? "" : dtype + " ",
              measured);
    }
  }

  /**
   * One benchmark with one choice of parameters.
   *
   * @param benchmark class and method
   * @param dtype of its weights, or of what it reads
   * @param millis of one operation
   * @param gflops 10⁹ FLOPs a second by the median, where they are worth a count
   * @param gigabytes 10⁹ bytes a second, likewise
   * @param share of the ceiling that bounds it, if there is one and this isn't it
   */
  record Row(
      String benchmark,
      Map<String, String> parameters,
      String operation,
      String shape,
      String dtype,
      Spread millis,
      @Nullable Double gflops,
      @Nullable Double gigabytes,
      @Nullable Double share) {
    static Row of(JmhResult result, List<Ceiling> ceilings) {
      Work work = Work.of(result);
      double millis = result.millis().median();
      Optional<Double> share =
          ceilings.stream()
              .filter(ceiling -> ceiling.bounds(work))
              .findFirst()
              .map(ceiling -> speed(work, millis) / ceiling.speed());
      return new Row(
          result.name(),
          result.parameters(),
          work.operation(),
          work.shape(),
          work.dtype(),
          result.millis(),
          work.flops() == 0 ? null : work.flops() / millis / PER_MILLI,
          work.bytes() == 0 ? null : work.bytes() / millis / PER_MILLI,
          BenchmarkClass.isCeiling(result.name()) ? null : share.orElse(null));
    }

    boolean isOf(Row other) {
      return benchmark.equals(other.benchmark) && parameters.equals(other.parameters);
    }
  }

  /** By what bounds the work, 10⁹ a second. */
  private static double speed(Work work, double millis) {
    return (work.limit() == Limit.ARITHMETIC ? work.flops() : work.bytes()) / millis / PER_MILLI;
  }

  /** JMH's times as speeds, and speeds as shares of the ceilings among them. */
  static Results of(
      Machine machine, String device, String command, String date, List<JmhResult> results) {
    List<Ceiling> ceilings = new ArrayList<>();
    fastest(results, Limit.ARITHMETIC, "PeakBenchmark.allCores", null).ifPresent(ceilings::add);
    fastest(results, Limit.MEMORY, "ReadBandwidthBenchmark.allCores", null)
        .ifPresent(ceilings::add);
    String onDevice = "DeviceCeilingBenchmark.ceiling";
    for (DType dtype : DType.single()) {
      fastest(results, Limit.ARITHMETIC, onDevice, dtype).ifPresent(ceilings::add);
    }
    fastest(results, Limit.MEMORY, onDevice, null).ifPresent(ceilings::add);
    List<Row> rows = results.stream().map(result -> Row.of(result, ceilings)).toList();
    return new Results(machine, device, command, date, ceilings, rows);
  }

  /** The fastest of these benchmarks, if there is one. */
  private static Optional<Ceiling> fastest(
      List<JmhResult> results, Limit limit, String benchmark, @Nullable DType dtype) {
    return results.stream()
        .filter(result -> result.name().equals(benchmark))
        .filter(result -> Work.of(result).limit() == limit)
        .filter(result -> dtype == null || result.dtype() == dtype)
        .map(result -> Ceiling.of(result, dtype == null ? "" : dtype.label()))
        .max(Comparator.comparingDouble(Ceiling::speed));
  }

  static Results read(Path file) {
    return JsonFile.read(file, Results.class, "bench run");
  }

  Document document() {
    List<String> facts = new ArrayList<>();
    facts.add("machine: " + machine);
    facts.add("measured on " + device + " by " + command + ", " + date);
    ceilings.forEach(ceiling -> facts.add("ceiling: " + ceiling));
    Table<Row> table =
        new Table<>("operations beside the machine's ceilings", rows)
            .column("operation", Row::operation)
            .column("shape", Row::shape)
            .column("type", Row::dtype)
            .spread("median ms", Row::millis)
            .optional("GFLOP/s", Row::gflops, Numbers::number)
            .optional("GB/s", Row::gigabytes, Numbers::number)
            .optional("of ceiling", Row::share, Numbers::percent)
            .note(
                "Times are of one operation: the median of all runs, their lowest and highest. The share is of"
                    + " the ceiling that bounds the operation, arithmetic or, where bytes are counted, memory; a"
                    + " ceiling is the fastest iteration of its probe.");
    return new Document(facts, List.of(table));
  }

  /** A benchmark that two runs have. */
  private record Pair(Row earlier, Row later) {
    /** Whether what they say, from the lowest time to the highest, has some in common. */
    boolean agree() {
      Spread a = earlier.millis;
      Spread b = later.millis;
      return a.low() <= b.high() && b.low() <= a.high();
    }
  }

  /**
   * An earlier run and this one as a table, the count of rows that agree below it.
   *
   * @throws IllegalArgumentException if the runs have no benchmark in common
   */
  Document beside(Results before) {
    List<Pair> pairs =
        rows.stream()
            .flatMap(row ->
                before.rows.stream().filter(row::isOf).limit(1).map(then -> new Pair(then, row)))
            .toList();
    if (pairs.isEmpty()) {
      throw new IllegalArgumentException("the two runs have no benchmark in common");
    }
    Table<Pair> table =
        new Table<>("two runs", pairs)
            .column("operation", pair -> pair.later.operation)
            .column("shape", pair -> pair.later.shape)
            .column("type", pair -> pair.later.dtype)
            .spread("earlier ms", pair -> pair.earlier.millis)
            .spread("later ms", pair -> pair.later.millis)
            .ratio(
                "later : earlier",
                pair -> pair.later.millis.median() / pair.earlier.millis.median())
            .column("agree", pair -> pair.agree() ? "yes" : "no");
    without(before).forEach(name -> table.note("only in the later run: " + name));
    before.without(this).forEach(name -> table.note("only in the earlier run: " + name));
    long agree = pairs.stream().filter(Pair::agree).count();
    table.note("%d of %d rows agree".formatted(agree, pairs.size()));
    return new Document(List.of("earlier: " + before.about(), "later: " + about()), List.of(table));
  }

  /** Names of rows that another run lacks. */
  private Stream<String> without(Results other) {
    return rows.stream()
        .filter(row -> other.rows.stream().noneMatch(row::isOf))
        .map(row -> String.join(" ", row.operation, row.shape, row.dtype).strip());
  }

  private String about() {
    return machine + "; " + device + "; " + date;
  }
}
