package org.pyramiddrop.bench.speed.jmh;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.speed.jmh.Results.Ceiling;
import org.pyramiddrop.bench.speed.jmh.Results.Row;
import org.pyramiddrop.bench.speed.jmh.Work.Limit;
import org.pyramiddrop.kernels.DType;

/**
 * JMH's times as speeds, and speeds as shares of the ceilings among them.
 *
 * @param ceilings the best that was reached of each
 * @param rows of all results
 */
record Rating(List<Ceiling> ceilings, List<Row> rows) {
  private static final double PER_MILLI = 1e6;

  static Rating of(List<JmhResult> results) {
    List<Ceiling> ceilings =
        Stream.of(
                fastest(results, Limit.ARITHMETIC, "PeakBenchmark.allCores", null),
                fastest(results, Limit.MEMORY, "ReadBandwidthBenchmark.allCores", null),
                Stream.of(DType.values())
                    .flatMap(dtype ->
                        fastest(
                            results, Limit.ARITHMETIC, "DeviceCeilingBenchmark.ceiling", dtype)),
                fastest(results, Limit.MEMORY, "DeviceCeilingBenchmark.ceiling", null))
            .flatMap(found -> found)
            .toList();
    return new Rating(ceilings, results.stream().map(result -> row(result, ceilings)).toList());
  }

  /** The fastest of these benchmarks, if there is one. */
  private static Stream<Ceiling> fastest(
      List<JmhResult> results, Limit limit, String benchmark, @Nullable DType dtype) {
    return results.stream()
        .filter(result -> result.name().equals(benchmark))
        .filter(result -> Work.of(result).limit() == limit)
        .filter(result -> dtype == null || result.dtype() == dtype)
        .map(result -> ceiling(result, dtype == null ? "" : dtype.label()))
        .max(Comparator.comparingDouble(Ceiling::speed))
        .stream();
  }

  private static Ceiling ceiling(JmhResult result, String dtype) {
    Work work = Work.of(result);
    String measured =
        work.shape().isEmpty() ? work.operation() : work.operation() + ", " + work.shape();
    // A neighbour's work can only slow a ceiling down: its fastest iteration bounds the others
    // best.
    return new Ceiling(work.limit(), dtype, speed(amount(work), result.millis().low()), measured);
  }

  private static Row row(JmhResult result, List<Ceiling> ceilings) {
    Work work = Work.of(result);
    double millis = result.millis().median();
    Optional<Double> share =
        ceilings.stream()
            .filter(ceiling -> ceiling.limit() == work.limit())
            .filter(ceiling -> ceiling.dtype().isEmpty() || ceiling.dtype().equals(work.dtype()))
            .findFirst()
            .map(ceiling -> speed(amount(work), millis) / ceiling.speed());
    return new Row(
        result.name(),
        result.parameters(),
        work.operation(),
        work.shape(),
        work.dtype(),
        result.millis(),
        work.flops() == 0 ? null : speed(work.flops(), millis),
        work.bytes() == 0 ? null : speed(work.bytes(), millis),
        BenchmarkClass.isCeiling(result.name()) ? null : share.orElse(null));
  }

  private static double amount(Work work) {
    return work.limit() == Limit.ARITHMETIC ? work.flops() : work.bytes();
  }

  private static double speed(double amount, double millis) {
    return amount / millis / PER_MILLI;
  }
}
