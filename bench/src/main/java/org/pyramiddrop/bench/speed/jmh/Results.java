package org.pyramiddrop.bench.speed.jmh;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.report.BenchFolder;
import org.pyramiddrop.bench.report.Document;
import org.pyramiddrop.bench.report.JsonFile;
import org.pyramiddrop.bench.report.Machine;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;

/**
 * One run of benchmarks, each set against the ceilings that the same run measured.
 *
 * @param machine where
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

  /**
   * What bounds operations.
   *
   * @param limit arithmetic or memory
   * @param dtype the only type it holds for, or empty
   * @param speed 10⁹ FLOPs or bytes a second, in the fastest iteration
   * @param measured the operation that reached it
   */
  record Ceiling(Work.Limit limit, String dtype, double speed, String measured) {
    @Override
    public String toString() {
      return "%s %s (%s%s)"
          .formatted(
              Numbers.number(speed),
              limit == Work.Limit.ARITHMETIC ? "GFLOP/s" : "GB/s",
              dtype.isEmpty() ? "" : dtype + " ",
              measured);
    }
  }

  /**
   * One benchmark with one choice of parameters.
   *
   * @param benchmark class and method
   * @param parameters by name
   * @param operation what it is, in words
   * @param shape what it works on
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
      @Nullable Double share) {}

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
}
