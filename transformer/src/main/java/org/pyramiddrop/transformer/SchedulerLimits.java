package org.pyramiddrop.transformer;

/**
 * What a {@link Scheduler} takes on at once.
 *
 * @param rows requests that are being answered
 * @param waiting requests that wait for a place; one more is refused
 * @param keyValueBytes bytes of keys and values, of all that are being answered together. Each
 *     counts with what its longest answer needs, pruned as its plan says
 */
public record SchedulerLimits(int rows, int waiting, long keyValueBytes) {
  /** Refuses limits below 1. */
  public SchedulerLimits {
    if (rows < 1 || waiting < 1 || keyValueBytes < 1) {
      throw new IllegalArgumentException(
          "a scheduler needs room for 1 row, 1 waiting request and 1 byte at least, got %d, %d, %d"
              .formatted(rows, waiting, keyValueBytes));
    }
  }

  /**
   * Eight rows, 64 waiting requests, and half of Java's heap for keys and values, which is where
   * the CPU has them. A GPU's memory isn't looked at.
   */
  public static SchedulerLimits defaults() {
    return new SchedulerLimits(8, 64, Runtime.getRuntime().maxMemory() / 2);
  }

  /** These limits with another number of rows. */
  public SchedulerLimits withRows(int count) {
    return new SchedulerLimits(count, waiting, keyValueBytes);
  }

  /** These limits with another number of waiting requests. */
  public SchedulerLimits withWaiting(int count) {
    return new SchedulerLimits(rows, count, keyValueBytes);
  }

  /** These limits with another number of bytes of keys and values. */
  public SchedulerLimits withKeyValueBytes(long bytes) {
    return new SchedulerLimits(rows, waiting, bytes);
  }
}
