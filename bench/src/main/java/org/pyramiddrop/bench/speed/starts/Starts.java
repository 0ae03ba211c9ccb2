package org.pyramiddrop.bench.speed.starts;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.pyramiddrop.bench.report.Numbers;
import org.pyramiddrop.bench.report.Spread;
import org.pyramiddrop.bench.report.Table;

/**
 * What several starts of Java measured.
 *
 * @param millis of each start, by operation, run by run
 * @param limit how many times the fastest start's time the slowest may take
 */
record Starts(List<Map<String, List<Double>>> millis, double limit) {
  /** How many times the steady time the first run of a process may take. */
  private static final double FIRST_LIMIT = 2;

  /**
   * An operation.
   *
   * @param steady each start's lowest time: what else the machine does only adds to it
   * @param first each start's first time over its steady one
   */
  record Row(String operation, Spread steady, Spread first) {
    @JsonProperty
    double ratio() {
      return steady.high() / steady.low();
    }
  }

  @JsonProperty
  List<Row> rows() {
    return millis.getFirst().keySet().stream().map(this::row).toList();
  }

  private Row row(String operation) {
    List<List<Double>> runs = millis.stream().map(start -> start.get(operation)).toList();
    return new Row(
        operation,
        Spread.of(runs, Collections::min),
        Spread.of(runs, times -> times.getFirst() / Collections.min(times)));
  }

  /** Operations whose slowest start is too slow. */
  List<Row> uneven() {
    return rows().stream().filter(row -> !(row.ratio() <= limit)).toList();
  }

  Table<Row> table() {
    return new Table<>("%d starts of Java".formatted(millis.size()), rows())
        .column("ms, each start's fastest run", Row::operation)
        .number("fastest start", row -> row.steady().low())
        .number("median", row -> row.steady().median())
        .number("slowest", row -> row.steady().high())
        .ratio("slowest / fastest", Row::ratio)
        .ratios("first run / fastest", Row::first)
        .note(
            "the slowest start may take %s times the fastest; the goal for a process's first prefill and step is %s times its own fastest"
                .formatted(Numbers.number(limit), Numbers.number(FIRST_LIMIT)));
  }
}
