package org.pyramiddrop.bench.jmh;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.bench.jmh.Results.Ceiling;
import org.pyramiddrop.bench.jmh.Results.Row;
import org.pyramiddrop.bench.jmh.Work.Limit;
import org.pyramiddrop.kernels.DType;

/** Turns JMH's times into speeds, and speeds into shares of the ceilings among them. */
final class Rating {
  private static final double PER_MILLI = 1e6;

  private final List<JmhResult> results;
  private final List<Ceiling> ceilings = new ArrayList<>();

  Rating(List<JmhResult> results) {
    this.results = results;
    best(Limit.ARITHMETIC, "PeakBenchmark.allCores", "");
    best(Limit.MEMORY, "ReadBandwidthBenchmark.allCores", "");
    for (DType dtype : DType.values()) {
      best(Limit.ARITHMETIC, "DeviceCeilingBenchmark.ceiling", dtype.label());
    }
    best(Limit.MEMORY, "DeviceCeilingBenchmark.ceiling", "");
  }

  /** Whichever of these benchmarks was fastest. */
  private void best(Limit limit, String benchmark, String dtype) {
    results.stream()
        .filter(result -> result.name().equals(benchmark))
        .filter(result -> Work.of(result).limit() == limit)
        .filter(result -> dtype.isEmpty() || result.dtype().label().equals(dtype))
        .map(result -> ceiling(result, dtype))
        .max(Comparator.comparingDouble(Ceiling::speed))
        .ifPresent(ceilings::add);
  }

  private static Ceiling ceiling(JmhResult result, String dtype) {
    Work work = Work.of(result);
    double amount = work.limit() == Limit.ARITHMETIC ? work.flops() : work.bytes();
    String measured =
        work.shape().isEmpty() ? work.operation() : work.operation() + ", " + work.shape();
    // A neighbour's work can only slow a ceiling down: its fastest iteration bounds the others
    // best.
    return new Ceiling(work.limit(), dtype, speed(amount, result.millis().low()), measured);
  }

  List<Ceiling> ceilings() {
    return List.copyOf(ceilings);
  }

  List<Row> rows() {
    return results.stream().map(this::row).toList();
  }

  private Row row(JmhResult result) {
    Work work = Work.of(result);
    return new Row(
        result.name(),
        result.parameters(),
        work.operation(),
        work.shape(),
        work.dtype(),
        result.millis(),
        work.flops() == 0 ? null : speed(work.flops(), result.millis().median()),
        work.bytes() == 0 ? null : speed(work.bytes(), result.millis().median()),
        isCeiling(result) ? null : share(work, result));
  }

  private @Nullable Double share(Work work, JmhResult result) {
    double amount =
        switch (work.limit()) {
          case ARITHMETIC -> work.flops();
          case MEMORY -> work.bytes();
          case LATENCY -> 0;
        };
    Optional<Ceiling> ceiling =
        ceilings.stream()
            .filter(c -> c.limit() == work.limit())
            .filter(c -> c.dtype().isEmpty() || c.dtype().equals(work.dtype()))
            .findFirst();
    return ceiling.map(c -> speed(amount, result.millis().median()) / c.speed()).orElse(null);
  }

  private static boolean isCeiling(JmhResult result) {
    return BenchmarkClass.ALL.stream()
        .anyMatch(type -> type.isCeiling() && type.benchmarks().contains(result.name()));
  }

  private static double speed(double amount, double millis) {
    return amount / millis / PER_MILLI;
  }
}
