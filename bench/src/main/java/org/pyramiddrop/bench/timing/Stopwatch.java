package org.pyramiddrop.bench.timing;

/** Measures milliseconds from its making on. */
public final class Stopwatch {
  private static final double NANOS_PER_MILLI = 1e6;

  private final long start = System.nanoTime();
  private long lap = start;

  /** Milliseconds since the last call, or since the start. */
  public double lap() {
    long before = lap;
    lap = System.nanoTime();
    return (lap - before) / NANOS_PER_MILLI;
  }

  public double millis() {
    return (System.nanoTime() - start) / NANOS_PER_MILLI;
  }

  public static double time(Runnable work) {
    Stopwatch stopwatch = new Stopwatch();
    work.run();
    return stopwatch.millis();
  }
}
