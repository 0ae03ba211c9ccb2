package org.pyramiddrop.bench.speed.jmh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.function.Supplier;
import org.pyramiddrop.bench.checkpoint.ModelSize;

/** Runs a benchmark as JMH does, at a tiny size, and holds what it computed to a reference. */
final class BenchmarkRun {
  private BenchmarkRun() {}

  /** A benchmark of the tiny model. */
  static <T extends DeviceBenchmark> T tiny(T benchmark) {
    benchmark.size = ModelSize.TINY.label();
    benchmark.backend = "cpu";
    benchmark.threads = 2;
    return benchmark;
  }

  /** The tiny model's folder, made if need be. */
  static Path checkpoint() {
    return ModelSize.TINY.checkpoint();
  }

  /** Runs twice: both must come to what is expected, and to the same. */
  static void holdsTo(
      Runnable invocation, Supplier<float[]> output, Supplier<double[]> expected, double bound) {
    invocation.run();
    float[] first = output.get();
    assertClose(first, expected.get(), bound);
    invocation.run();
    assertThat(output.get()).containsExactly(first);
  }

  static void assertClose(float[] actual, double[] expected, double bound) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat((double) actual[i]).as("element %d", i).isCloseTo(expected[i], within(bound));
    }
  }
}
