package org.pyramiddrop.bench.speed.jmh;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.annotations.Benchmark;

/**
 * A benchmark class and what {@code --quick} takes of it; in the order in which they run.
 *
 * @param type the class
 * @param role whether it is a ceiling, and whose
 * @param quick how little is enough for a quick look
 */
record BenchmarkClass(Class<?> type, Role role, Quick quick) {
  /** What a benchmark is there for. */
  enum Role {
    CPU_CEILING,
    GPU_CEILING,
    /** An operation of the model, on any device. */
    OPERATION
  }

  /**
   * One virtual machine, and fewer repetitions and parameters.
   *
   * @param warmups iterations before those that count
   * @param runs iterations that count
   * @param parameters values of those parameters of which not all are taken
   */
  record Quick(int warmups, int runs, Map<String, List<String>> parameters) {}

  // A layer of 2940 tokens takes twelve seconds where one of 636 takes two and a half.
  private static final List<String> QUICK_STAGES =
      List.of("576", "576-288", "288", "144", "72", "2880");

  /** All of them; iterations of a third of a second, unless each invocation is timed by itself. */
  static final List<BenchmarkClass> ALL =
      List.of(
          new BenchmarkClass(PeakBenchmark.class, Role.CPU_CEILING, new Quick(2, 5, Map.of())),
          new BenchmarkClass(
              ReadBandwidthBenchmark.class, Role.CPU_CEILING, new Quick(2, 5, Map.of())),
          new BenchmarkClass(
              DeviceCeilingBenchmark.class, Role.GPU_CEILING, new Quick(2, 5, Map.of())),
          operation(VisionBenchmark.class, 2, 7, Map.of()),
          operation(DecoderLayerBenchmark.class, 1, 3, Map.of("stage", QUICK_STAGES)),
          operation(PrefillBenchmark.class, 1, 3, Map.of("imageTokens", List.of("576"))),
          operation(DecodeStepBenchmark.class, 3, 9, Map.of("imageTokens", List.of("576", "2880"))),
          operation(DropBenchmark.class, 4, 5, Map.of()),
          operation(MatrixProductBenchmark.class, 2, 7, Map.of("projection", List.of("UP"))),
          operation(
              DecodeProductBenchmark.class, 2, 5, Map.of("projection", List.of("UP", "HEAD"))));

  private static BenchmarkClass operation(
      Class<?> type, int warmups, int runs, Map<String, List<String>> parameters) {
    return new BenchmarkClass(type, Role.OPERATION, new Quick(warmups, runs, parameters));
  }

  /** Whether a benchmark of this name, class and method, measures a ceiling. */
  static boolean isCeiling(String benchmark) {
    return ALL.stream().anyMatch(type -> type.isCeiling() && type.benchmarks().contains(benchmark));
  }

  boolean isCeiling() {
    return role != Role.OPERATION;
  }

  /** Whether it is measured on a device of this name. */
  boolean runsOn(String backend) {
    return role == Role.OPERATION || (role == Role.CPU_CEILING) == backend.equals("cpu");
  }

  /** Names of its benchmarks, class and method. */
  List<String> benchmarks() {
    return Arrays.stream(type.getDeclaredMethods())
        .filter(method -> method.isAnnotationPresent(Benchmark.class))
        .map(method -> type.getSimpleName() + "." + method.getName())
        .sorted()
        .toList();
  }
}
