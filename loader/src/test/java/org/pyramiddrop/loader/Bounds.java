package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;

/** What reading a small file may take, whatever it holds, and how it may end. */
final class Bounds {
  private static final Duration LONGEST = Duration.ofSeconds(4);
  private static final long MOST_BYTES = 64 << 20;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private Bounds() {}

  /** Reads something. */
  interface Reading {
    void run() throws IOException;
  }

  /** Time of the processor, which other programs can't stretch, and bytes of Java's heap. */
  private record Cost(Duration time, long bytes) {
    static Cost now() {
      return new Cost(
          Duration.ofNanos(THREADS.getCurrentThreadCpuTime()),
          THREADS.getCurrentThreadAllocatedBytes());
    }

    Cost since(Cost start) {
      return new Cost(time.minus(start.time), bytes - start.bytes);
    }

    boolean isHigh() {
      return time.compareTo(LONGEST) > 0 || bytes > MOST_BYTES;
    }
  }

  /**
   * Runs it; an exception that isn't documented for files goes on to the caller.
   *
   * @throws AssertionError if it costs too much, or its message isn't one clear line
   */
  static void hold(Reading reading) {
    // The first time it also loads classes, whose instrumentation costs more than any file.
    if (cost(reading).isHigh()) {
      Cost cost = cost(reading);
      assertThat(cost.time).as("time").isLessThanOrEqualTo(LONGEST);
      assertThat(cost.bytes).as("allocated bytes").isLessThanOrEqualTo(MOST_BYTES);
    }
  }

  private static Cost cost(Reading reading) {
    Cost start = Cost.now();
    try {
      reading.run();
    } catch (CheckpointException | ChatTemplateException | ImageException e) {
      assertThat(e.getMessage()).hasSizeLessThan(3000).hasLineCount(1).doesNotContain(": null");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return Cost.now().since(start);
  }
}
