package org.pyramiddrop.bench.speed.jmh;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.openjdk.jmh.annotations.Benchmark;
import org.pyramiddrop.kernels.Devices;

/**
 * A benchmark class and what {@code --quick} takes of it; in the order in which they run.
 *
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
   * @param parameters values of those parameters of which not all are taken
   */
  record Quick(int warmups, int runs, Map<String, List<String>> parameters) {}

  /** All of them; iterations of a third of a second, unless each invocation is timed by itself. */
  static final List<BenchmarkClass> ALL =
      List.of(
          of(PeakBenchmark.class, Role.CPU_CEILING, 2, 5),
          of(ReadBandwidthBenchmark.class, Role.CPU_CEILING, 2, 5),
          of(DeviceCeilingBenchmark.class, Role.GPU_CEILING, 2, 5),
          of(VisionBenchmark.class, Role.OPERATION, 2, 7),
          // A layer of 2940 tokens takes twelve seconds where one of 636 takes two and a half.
          of(DecoderLayerBenchmark.class, Role.OPERATION, 1, 3)
              .only("stage", "576", "576-288", "288", "144", "72", "2880"),
          of(PrefillBenchmark.class, Role.OPERATION, 1, 3).only("imageTokens", "576"),
          of(DecodeStepBenchmark.class, Role.OPERATION, 3, 9).only("imageTokens", "576", "2880"),
          of(DropBenchmark.class, Role.OPERATION, 4, 5),
          of(MatrixProductBenchmark.class, Role.OPERATION, 2, 7).only("projection", "UP"),
          of(DecodeProductBenchmark.class, Role.OPERATION, 2, 5).only("projection", "UP", "HEAD"));

  private static BenchmarkClass of(Class<?> type, Role role, int warmups, int runs) {
    return new BenchmarkClass(type, role, new Quick(warmups, runs, Map.of()));
  }

  /** The same with some values of a parameter. */
  private BenchmarkClass only(String parameter, String... values) {
    Map<String, List<String>> parameters = Map.of(parameter, List.of(values));
    return new BenchmarkClass(type, role, new Quick(quick.warmups, quick.runs, parameters));
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
    return role == Role.OPERATION || (role == Role.CPU_CEILING) == Devices.readsInPlace(backend);
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
