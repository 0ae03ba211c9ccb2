package org.pyramiddrop.kernels.cuda;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Future;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaEvent;
import org.pyramiddrop.cuda.CudaStream;
import org.pyramiddrop.cuda.PinnedBuffer;
import org.pyramiddrop.kernels.DeviceException;

/**
 * Copies between host and device through a ring of pinned buffers. Large native memory, which is
 * what weights are mapped as, is read into them by several threads at once, since one alone is
 * slower than a fast bus; the thread that owns the context sends them on in their order. The
 * context that the buffers came from closes them.
 */
final class Staging implements AutoCloseable {
  /**
   * How memory is cut up.
   *
   * @param readers threads that read at once
   * @param bufferBytes bytes of a buffer
   * @param leastPartBytes bytes of the smallest part that a thread reads
   */
  record Sizes(int readers, int bufferBytes, int leastPartBytes) {
    /** As many streams as a host's memory and a fast disk may well serve; no GPU was asked. */
    private static final int MOST_READERS = 16;

    /** Refuses parts that could cut a number in two, and buffers without room for a part. */
    Sizes {
      if (readers < 1
          || leastPartBytes < Long.BYTES
          || leastPartBytes % Long.BYTES != 0
          || bufferBytes % leastPartBytes != 0) {
        throw new IllegalArgumentException(
            "%d readers can't share parts of %d to %d bytes"
                .formatted(readers, leastPartBytes, bufferBytes));
      }
    }

    /**
     * For this machine. At 50 GB/s two MiB take a bus 42 µs and a quarter MiB takes it 5 µs, about
     * what handing it a copy costs. The ring comes to 72 MiB at most.
     */
    static Sizes forThisMachine() {
      int processors = Runtime.getRuntime().availableProcessors();
      return new Sizes(Math.min(processors, MOST_READERS), 2 << 20, 256 << 10);
    }

    /**
     * How much a thread takes of what is left: less towards the end, so that all threads end at
     * about the same time.
     */
    long nextPart(long left) {
      long share = left / (2L * readers) / leastPartBytes * leastPartBytes;
      return Math.min(left, Math.clamp(share, leastPartBytes, bufferBytes));
    }
  }

  /** Buffers of the ring that are on their way while all others are being filled. */
  private static final int IN_FLIGHT = 4;

  /** One is filled while the other is on its way. */
  private static final int BUFFERS_OF_ONE_THREAD = 2;

  private final Context context;
  private final Sizes sizes;
  private final Readers readers;
  private final List<Buffer> ring = new ArrayList<>();
  private int next;

  Staging(Context context, Sizes sizes) {
    this.context = context;
    this.sizes = sizes;
    grow(BUFFERS_OF_ONE_THREAD);
    readers = new Readers(sizes.readers());
  }

  /** Pinned memory. */
  private static final class Buffer {
    private final PinnedBuffer memory;

    /** Happens when the last copy out of it has ended; not to be relied on after a failure. */
    private final CudaEvent free;

    /** Whether something failed, so that a copy may be under way that the event doesn't follow. */
    private boolean copyFailed;

    Buffer(Context context, long bytes) {
      memory = context.pinned(bytes);
      free = context.event(false);
    }

    MemorySegment first(long bytes) {
      return memory.segment().asSlice(0, bytes);
    }
  }

  /** A part of what is copied, on its way into a buffer. */
  private record Part(Buffer buffer, long offset, long bytes, Future<?> read) {}

  /** Takes each part once it is in pinned memory. */
  @FunctionalInterface
  interface Sink {
    /** Takes {@code bytes} that begin {@code offset} bytes after the first of all. */
    void accept(MemorySegment pinned, long offset, long bytes);
  }

  private void grow(int buffers) {
    while (ring.size() < buffers) {
      ring.add(new Buffer(context, sizes.bufferBytes()));
    }
  }

  private Buffer nextFree(CudaStream stream) {
    Buffer buffer = ring.get(next);
    next = (next + 1) % ring.size();
    if (buffer.copyFailed) {
      stream.synchronize();
      buffer.copyFailed = false;
    } else {
      buffer.free.synchronize();
    }
    return buffer;
  }

  /**
   * Brings host memory into pinned memory, part by part. When this returns, or throws, nobody reads
   * it any more.
   *
   * @param stream where the sink's copies go
   * @throws DeviceException if the memory is a file's and can't be read
   */
  void stage(MemorySegment from, CudaStream stream, Sink sink) {
    // What lies on the heap was just written and is short: there is no page to wait for.
    if (from.isNative() && from.byteSize() > sizes.leastPartBytes()) {
      inParallel(from, stream, sink);
    } else {
      oneByOne(from, stream, sink);
    }
  }

  private void oneByOne(MemorySegment from, CudaStream stream, Sink sink) {
    for (long offset = 0; offset < from.byteSize(); offset += sizes.bufferBytes()) {
      long bytes = Math.min(sizes.bufferBytes(), from.byteSize() - offset);
      Buffer buffer = nextFree(stream);
      Readers.copy(from.asSlice(offset, bytes), buffer.first(bytes));
      send(buffer, offset, bytes, stream, sink);
    }
  }

  private void inParallel(MemorySegment from, CudaStream stream, Sink sink) {
    // Each thread reads a part and has another one waiting.
    int ahead = 2 * readers.count();
    grow(ahead + IN_FLIGHT);
    Deque<Part> parts = new ArrayDeque<>();
    try {
      for (long offset = 0; offset < from.byteSize() || !parts.isEmpty(); ) {
        if (offset < from.byteSize() && parts.size() < ahead) {
          long bytes = sizes.nextPart(from.byteSize() - offset);
          Buffer buffer = nextFree(stream);
          Future<?> read = readers.read(from.asSlice(offset, bytes), buffer.first(bytes));
          parts.add(new Part(buffer, offset, bytes, read));
          offset += bytes;
        } else {
          Part part = parts.remove();
          Readers.await(part.read);
          send(part.buffer, part.offset, part.bytes, stream, sink);
        }
      }
    } catch (RuntimeException | Error e) {
      parts.forEach(part -> finishAfter(e, part.read));
      throw e;
    }
  }

  private static void finishAfter(Throwable failure, Future<?> read) {
    try {
      Readers.await(read);
    } catch (DeviceException e) {
      failure.addSuppressed(e);
    }
  }

  private static void send(Buffer buffer, long offset, long bytes, CudaStream stream, Sink sink) {
    // Part of it may be on its way even if the sink fails.
    buffer.copyFailed = true;
    sink.accept(buffer.first(bytes), offset, bytes);
    buffer.free.record(stream);
    buffer.copyFailed = false;
  }

  /** Copies host memory to the device. */
  void upload(MemorySegment from, long to, CudaStream stream) {
    stage(from, stream, (pinned, offset, bytes) -> stream.upload(pinned, 0, to + offset, bytes));
  }

  /** Copies device memory to the host and waits for it. */
  void download(long from, MemorySegment to, CudaStream stream) {
    for (long offset = 0; offset < to.byteSize(); offset += sizes.bufferBytes()) {
      long bytes = Math.min(sizes.bufferBytes(), to.byteSize() - offset);
      Buffer buffer = nextFree(stream);
      MemorySegment pinned = buffer.first(bytes);
      buffer.copyFailed = true;
      stream.download(from + offset, pinned, 0, bytes);
      stream.synchronize();
      buffer.copyFailed = false;
      MemorySegment.copy(pinned, 0, to, offset, bytes);
    }
  }

  /** Lets the readers go. */
  @Override
  public void close() {
    readers.close();
  }
}
