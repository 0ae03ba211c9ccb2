package org.pyramiddrop.loader;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;

/** What this thread has allocated since it was made, in bytes. */
final class Allocation {
  private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private final long before = threads.getCurrentThreadAllocatedBytes();

  void assertAtMost(long bytes) {
    assertThat(threads.getCurrentThreadAllocatedBytes() - before)
        .as("allocated bytes")
        .isLessThanOrEqualTo(bytes);
  }
}
