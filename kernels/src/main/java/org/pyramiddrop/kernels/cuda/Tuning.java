package org.pyramiddrop.kernels.cuda;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaStream;

/** Whether products are done the way that was measured to be fastest. */
sealed interface Tuning {
  /**
   * The system property that names the folder where choices are kept; {@code off} measures and
   * writes nothing. By default that is {@code pyramiddrop} in {@code $XDG_CACHE_HOME} or {@code
   * ~/.cache}.
   */
  String PROPERTY = "pyramiddrop.cuda.tuning";

  /** Nothing is measured: cuBLASLt's first guess, or our kernel that should be fastest. */
  record Off() implements Tuning {}

  /**
   * What is met first is measured.
   *
   * @param folder where choices are kept for the next process
   * @param clock makes what measures
   */
  record Measured(Path folder, Clock clock) implements Tuning {}

  /** Makes a stopwatch for a GPU. */
  @FunctionalInterface
  interface Clock {
    /** A stopwatch for work on a stream. */
    Stopwatch on(Context context, CudaStream stream, DeviceMemory memory);
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
