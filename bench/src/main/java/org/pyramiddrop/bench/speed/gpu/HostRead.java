package org.pyramiddrop.bench.speed.gpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.pyramiddrop.bench.timing.Stopwatch;

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
    long all = bytes(parts.stream());
    return all == 0 ? 1 : (double) bytes(parts.stream().filter(MemorySegment::isLoaded)) / all;
  }

  private static long bytes(Stream<MemorySegment> parts) {
    return parts.mapToLong(MemorySegment::byteSize).sum();
  }

  /** Copies all of it into memory that is used again and again, and returns the milliseconds. */
  double millis(int threads) {
    AtomicInteger next = new AtomicInteger();
    Runnable reader =
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            MemorySegment to = arena.allocate(PART, 64);
            for (int i = next.getAndIncrement(); i < parts.size(); i = next.getAndIncrement()) {
              MemorySegment.copy(parts.get(i), 0, to, 0, parts.get(i).byteSize());
            }
          }
        };
    try (ExecutorService pool = Executors.newFixedThreadPool(threads)) {
      return Stopwatch.time(() ->
          Stream.generate(() -> CompletableFuture.runAsync(reader, pool))
              .limit(threads)
              .toList()
              .forEach(CompletableFuture::join));
    } catch (CompletionException e) {
      throw new IllegalStateException("the files can't be read: " + e.getCause(), e);
    }
  }
}
