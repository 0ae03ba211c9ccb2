package org.pyramiddrop.bench.load;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/** Mapped memory, read without a device: what files, page cache and cores allow. */
final class HostRead {
  /** As long as what a load reads at once. */
  private static final long PART = 2L << 20;

  private final List<MemorySegment> parts = new ArrayList<>();

  /** Cuts up what is to be read. */
  HostRead(List<MemorySegment> mapped) {
    for (MemorySegment segment : mapped) {
      for (long at = 0; at < segment.byteSize(); at += PART) {
        parts.add(segment.asSlice(at, Math.min(PART, segment.byteSize() - at)));
      }
    }
  }

  /** The share of it that lies in memory now, as the operating system tells. */
  double resident() {
    long all = 0;
    long resident = 0;
    for (MemorySegment part : parts) {
      all += part.byteSize();
      resident += part.isLoaded() ? part.byteSize() : 0;
    }
    return all == 0 ? 1 : (double) resident / all;
  }

  /** Copies all of it into memory that is used again and again, and returns the milliseconds. */
  double millis(int threads) throws InterruptedException {
    AtomicInteger next = new AtomicInteger();
    Callable<Void> reader =
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment to = arena.allocate(PART, 64);
            for (int i = next.getAndIncrement(); i < parts.size(); i = next.getAndIncrement()) {
              MemorySegment from = parts.get(i);
              MemorySegment.copy(from, 0, to, 0, from.byteSize());
            }
          }
          return null;
        };
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      long start = System.nanoTime();
      for (Future<Void> read : pool.invokeAll(Collections.nCopies(threads, reader))) {
        read.get();
      }
      return (System.nanoTime() - start) / 1e6;
    } catch (ExecutionException e) {
      throw new IllegalStateException("the files can't be read: " + e.getCause(), e);
    }
  }
}
