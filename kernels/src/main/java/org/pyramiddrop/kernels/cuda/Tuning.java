package org.pyramiddrop.kernels.cuda;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaStream;

/** Whether products are done by the algorithm that was measured to be fastest. */
sealed interface Tuning {
  /**
   * The system property that names the folder where choices are kept; {@code off} measures and
   * writes nothing. By default that is {@code pyramiddrop} in {@code $XDG_CACHE_HOME} or {@code
   * ~/.cache}.
   */
  String PROPERTY = "pyramiddrop.cuda.tuning";

  /** Nothing is measured: products are done by the default algorithm. */
  record Off() implements Tuning {}

  /**
   * A kind of product is measured when it is first met.
   *
   * @param folder where choices are kept for the next process
   * @param stopwatches make what measures
   */
  record Measured(Path folder, StopwatchFactory stopwatches) implements Tuning {}

  /** Makes a stopwatch for a GPU. */
  @FunctionalInterface
  interface StopwatchFactory {
    /** A stopwatch for work on a stream. */
    Stopwatch create(Context context, CudaStream stream, DeviceMemory memory);
  }

  /** What the system property asks for. */
  static Tuning ofProperty() {
    @Nullable String asked = System.getProperty(PROPERTY);
    if ("off".equals(asked)) {
      return new Off();
    }
    return new Measured(asked == null ? cache() : Path.of(asked), EventStopwatch::new);
  }

  private static Path cache() {
    @Nullable String home = System.getenv("XDG_CACHE_HOME");
    // A relative one does not count, says the specification.
    Path caches =
        home == null || !Path.of(home).isAbsolute()
            ? Path.of(System.getProperty("user.home"), ".cache")
            : Path.of(home);
    return caches.resolve("pyramiddrop");
  }
}
