package org.pyramiddrop.kernels.cuda;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.SequencedSet;
import java.util.TreeMap;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.kernels.DeviceException;

/**
 * Device memory that is handed out again and again without asking the driver.
 *
 * <p>All work runs on one stream, so a block may be closed as soon as the last launch that uses it
 * was made: whoever gets it next comes later in the stream. Graphs keep the addresses they were
 * recorded with, so what is taken while recording comes from a pool of its own, which only
 * recordings share: they run one after another, and none leaves anything in it.
 */
final class DeviceMemory implements AutoCloseable {
  private static final long SMALL = 512;
  private static final long LARGE = 1 << 20;
  private static final double MEBIBYTE = 1 << 20;

  private final Context context;
  private final OwnerThread owner;
  private final boolean reuse;
  private final SequencedSet<DeviceBuffer> buffers = new LinkedHashSet<>();
  private final Pool everyday = new Pool();
  private final Pool recorded = new Pool();
  private Pool current = everyday;
  private long bytesInUse;

  /**
   * Memory of one context.
   *
   * @param owner the context's thread; blocks may be closed on any
   * @param reuse whether closed blocks are kept for others; else each is of the exact size and
   *     freed when it is closed, or when this is if it was taken while recording
   */
  DeviceMemory(Context context, OwnerThread owner, boolean reuse) {
    this.context = context;
    this.owner = owner;
    this.reuse = reuse;
  }

  /** Blocks that wait for their next use, by size. */
  private static final class Pool {
    private final NavigableMap<Long, Deque<DeviceBuffer>> idle = new TreeMap<>();
  }

  /** Memory in use until it is closed. */
  final class Block implements AutoCloseable {
    private final DeviceBuffer buffer;
    private final Pool pool;
    private final long address;
    private boolean open = true;

    private Block(DeviceBuffer buffer, Pool pool) {
      this.buffer = buffer;
      this.pool = pool;
      address = buffer.address();
      bytesInUse += buffer.bytes();
    }

    /** Where it begins, at a multiple of 256. */
    long address() {
      if (!open) {
        throw new IllegalStateException("device memory is used after it was given back");
      }
      return address;
    }

    /** Gives it back; a second call does nothing. */
    @Override
    public void close() {
      if (!open) {
        return;
      }
      open = false;
      bytesInUse -= buffer.bytes();
      if (reuse) {
        pool.idle.computeIfAbsent(buffer.bytes(), size -> new ArrayDeque<>()).push(buffer);
      } else if (pool == everyday) {
        owner.run(() -> free(buffer));
      }
    }
  }

  /** From now on blocks come from the recordings' pool. */
  void beginRecording() {
    current = recorded;
  }

  /** From now on blocks come from the everyday pool again. */
  void endRecording() {
    current = everyday;
  }

  /**
   * Memory of undefined content.
   *
   * @throws DeviceException if there is no more, naming what was asked for and what is free
   */
  Block take(long bytes) {
    if (!reuse) {
      return new Block(own(Math.max(bytes, 1)), current);
    }
    long size = roundUp(Math.max(bytes, 1), bytes < LARGE ? SMALL : LARGE);
    // A block much larger than asked for would keep others from what they need.
    Map.Entry<Long, Deque<DeviceBuffer>> fits = current.idle.ceilingEntry(size);
    if (fits == null || fits.getKey() > size + size / 4 + SMALL) {
      return new Block(own(size), current);
    }
    DeviceBuffer buffer = fits.getValue().pop();
    if (fits.getValue().isEmpty()) {
      current.idle.remove(fits.getKey());
    }
    return new Block(buffer, current);
  }

  /**
   * Memory that the caller gives back by {@link #free}, for what lives long.
   *
   * @throws DeviceException if there is no more
   */
  DeviceBuffer own(long bytes) {
    DeviceBuffer buffer = allocate(bytes);
    buffers.add(buffer);
    return buffer;
  }

  /** Frees what {@link #own} gave, once nothing reads it any more. */
  void free(DeviceBuffer buffer) {
    if (buffers.remove(buffer)) {
      context.synchronize();
      buffer.close();
    }
  }

  private DeviceBuffer allocate(long bytes) {
    try {
      return context.allocate(bytes);
    } catch (CudaException e) {
      if (!e.isOutOfMemory()) {
        throw e;
      }
    }
    // What lies idle in other sizes may be enough; while recording nothing can be freed.
    if (current == everyday) {
      trim();
    }
    try {
      return context.allocate(bytes);
    } catch (CudaException e) {
      if (!e.isOutOfMemory()) {
        throw e;
      }
      throw new DeviceException(
          ("the GPU has no room for a further %.1f MiB: %.1f of %.1f MiB are free; "
                  + "use a smaller dtype, prune more or ask for fewer tokens")
              .formatted(
                  bytes / MEBIBYTE,
                  context.freeBytes() / MEBIBYTE,
                  context.totalBytes() / MEBIBYTE),
          e);
    }
  }

  /** Gives what lies idle back to the driver, but for what graphs may use. */
  void trim() {
    for (Deque<DeviceBuffer> waiting : everyday.idle.values()) {
      waiting.forEach(this::free);
    }
    everyday.idle.clear();
  }

  /** Bytes of all blocks that are not closed. */
  long bytesInUse() {
    return bytesInUse;
  }

  private static long roundUp(long bytes, long multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
  }

  /** Frees everything, also what is in use. */
  @Override
  public void close() {
    while (!buffers.isEmpty()) {
      free(buffers.getFirst());
    }
  }
}
