package org.pyramiddrop.bench.jmh;

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
    /** The processor's ceiling. */
    CPU_CEILING,
    /** A GPU's. */
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

  // Iterations of a third of a second, unless each invocation is timed by itself.
  private static final Quick FAST = new Quick(2, 5, Map.of());

  /** All of them. */
  static final List<BenchmarkClass> ALL =
      List.of(
          new BenchmarkClass(PeakBenchmark.class, Role.CPU_CEILING, FAST),
          new BenchmarkClass(ReadBandwidthBenchmark.class, Role.CPU_CEILING, FAST),
          new BenchmarkClass(DeviceCeilingBenchmark.class, Role.GPU_CEILING, FAST),
          new BenchmarkClass(VisionBenchmark.class, Role.OPERATION, new Quick(2, 7, Map.of())),
          // A layer of 2940 tokens takes twelve seconds where one of 636 takes two and a half.
          new BenchmarkClass(
              DecoderLayerBenchmark.class,
              Role.OPERATION,
              new Quick(
                  1, 3, Map.of("stage", List.of("576", "576-288", "288", "144", "72", "2880")))),
          new BenchmarkClass(
              PrefillBenchmark.class,
              Role.OPERATION,
              new Quick(1, 3, Map.of("imageTokens", List.of("576")))),
          new BenchmarkClass(
              DecodeStepBenchmark.class,
              Role.OPERATION,
              new Quick(3, 9, Map.of("imageTokens", List.of("576", "2880")))),
          new BenchmarkClass(DropBenchmark.class, Role.OPERATION, new Quick(4, 5, Map.of())),
          new BenchmarkClass(
              MatrixProductBenchmark.class,
              Role.OPERATION,
              new Quick(2, 7, Map.of("projection", List.of("UP")))),
          new BenchmarkClass(
              DecodeProductBenchmark.class,
              Role.OPERATION,
              new Quick(2, 5, Map.of("projection", List.of("UP", "HEAD")))));

  /** Whether it is measured on a device of this name. */
  boolean runsOn(String backend) {
    return switch (role) {
      case CPU_CEILING -> backend.equals("cpu");
      case GPU_CEILING -> !backend.equals("cpu");
      case OPERATION -> true;
    };
  }

  boolean isCeiling() {
    return role != Role.OPERATION;
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
