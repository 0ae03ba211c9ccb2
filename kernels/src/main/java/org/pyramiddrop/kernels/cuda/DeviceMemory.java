package org.pyramiddrop.kernels.cuda;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.SequencedSet;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.pyramiddrop.cuda.Context;
import org.pyramiddrop.cuda.CudaException;
import org.pyramiddrop.cuda.DeviceBuffer;
import org.pyramiddrop.kernels.DeviceException;

/**
 * Device memory that is handed out again and again without asking the driver.
 *
 * <p>All work runs on one stream, so a block may be closed as soon as the last launch that uses it
 * was made: whoever gets it next comes later in the stream. Graphs keep the addresses they were
 * recorded with, so what is taken while recording comes from a pool of its own, which recordings
 * share: they run one after another, and none leaves anything in it. A buffer leaves that pool when
 * the last recording that uses it is closed. What is left when the context closes goes with it.
 */
final class DeviceMemory {
  private static final long SMALL = 512;
  private static final long LARGE = 1 << 20;
  private static final double MEBIBYTE = 1 << 20;

  private final Context context;
  private final GpuCalls calls;
  private final boolean reuse;
  private final Set<DeviceBuffer> buffers = new HashSet<>();
  private final Pool general = new Pool();
  private final Pool recordings = new Pool();

  /** How many recordings use a buffer. */
  private final Map<DeviceBuffer, Integer> leaseCounts = new HashMap<>();

  /** What the recording under way has used; none while nothing is recorded. */
  private @Nullable SequencedSet<DeviceBuffer> usedByRecording;

  private long bytesInUse;

  /**
   * Memory of one context.
   *
   * @param calls reach the context's thread; blocks may be closed on any
   * @param reuse whether closed blocks are kept for others; else each is of the exact size and
   *     freed when it is closed, or with the last recording that uses it
   */
  DeviceMemory(Context context, GpuCalls calls, boolean reuse) {
    this.context = context;
    this.calls = calls;
    this.reuse = reuse;
  }

  /** Buffers that wait for their next use, by size. */
  private static final class Pool {
    private final NavigableMap<Long, Deque<DeviceBuffer>> idle = new TreeMap<>();

    void add(DeviceBuffer buffer) {
      idle.computeIfAbsent(buffer.bytes(), size -> new ArrayDeque<>()).push(buffer);
    }

    /** One of that size, or a little larger: a much larger one is needed by others. */
    @Nullable DeviceBuffer poll(long size) {
      Map.Entry<Long, Deque<DeviceBuffer>> fits = idle.ceilingEntry(size);
      if (fits == null || fits.getKey() > size + size / 4 + SMALL) {
        return null;
      }
      DeviceBuffer buffer = fits.getValue().pop();
      removeIfEmpty(fits.getKey());
      return buffer;
    }

    boolean remove(DeviceBuffer buffer) {
      Deque<DeviceBuffer> same = idle.get(buffer.bytes());
      boolean removed = same != null && same.remove(buffer);
      removeIfEmpty(buffer.bytes());
      return removed;
    }

    private void removeIfEmpty(long size) {
      Deque<DeviceBuffer> same = idle.get(size);
      if (same != null && same.isEmpty()) {
        idle.remove(size);
      }
    }

    List<DeviceBuffer> all() {
      return idle.values().stream().flatMap(Deque::stream).toList();
    }
  }

  /** Memory in use until it is closed. */
  final class Block implements AutoCloseable {
    private final DeviceBuffer buffer;
    private final long address;
    private boolean open = true;

    private Block(DeviceBuffer buffer) {
      this.buffer = buffer;
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
      if (open) {
        open = false;
        bytesInUse -= buffer.bytes();
        recycle(buffer);
      }
    }
  }

  /** What a recording uses, kept from others until it is closed. */
  final class Lease implements AutoCloseable {
    private final List<DeviceBuffer> leased;

    private Lease(SequencedSet<DeviceBuffer> leased) {
      this.leased = new ArrayList<>(leased);
      this.leased.forEach(buffer -> leaseCounts.merge(buffer, 1, Integer::sum));
    }

    /** Lets it go; a second call does nothing. */
    @Override
    public void close() {
      for (DeviceBuffer buffer : leased) {
        if (leaseCounts.merge(buffer, -1, Integer::sum) == 0) {
          leaseCounts.remove(buffer);
          if (recordings.remove(buffer)) {
            recycle(buffer);
          }
        }
      }
      leased.clear();
    }
  }

  /** Puts a closed block's buffer where its next user looks for it. */
  private void recycle(DeviceBuffer buffer) {
    if (leaseCounts.containsKey(buffer)
        || (usedByRecording != null && usedByRecording.contains(buffer))) {
      recordings.add(buffer);
    } else if (reuse) {
      general.add(buffer);
    } else {
      calls.release(() -> free(buffer));
    }
  }

  /** From now on blocks come from the recordings' pool. */
  void beginRecording() {
    usedByRecording = new LinkedHashSet<>();
  }

  /** From now on blocks come from the general pool again. */
  Lease endRecording() {
    Lease lease = new Lease(Objects.requireNonNull(usedByRecording, "a recording"));
    usedByRecording = null;
    return lease;
  }

  /**
   * Memory of undefined content.
   *
   * @throws DeviceException if there is no more, naming what was asked for and what is free
   */
  Block allocate(long bytes) {
    long size = Math.max(bytes, 1);
    DeviceBuffer buffer = null;
    if (reuse) {
      size = roundUp(size, size < LARGE ? SMALL : LARGE);
      buffer = usedByRecording == null ? null : recordings.poll(size);
      buffer = buffer == null ? general.poll(size) : buffer;
    }
    if (buffer == null) {
      buffer = allocateBuffer(size);
    }
    if (usedByRecording != null) {
      usedByRecording.add(buffer);
    }
    return new Block(buffer);
  }

  /**
   * Memory that the caller gives back by {@link #free}, for what lives long.
   *
   * @throws DeviceException if there is no more
   */
  DeviceBuffer allocateBuffer(long bytes) {
    DeviceBuffer buffer = allocateFromDriver(bytes);
    buffers.add(buffer);
    return buffer;
  }

  /** Frees what {@link #allocateBuffer} gave, once nothing on the GPU reads it any more. */
  void free(DeviceBuffer buffer) {
    if (buffers.remove(buffer)) {
      buffer.close();
    }
  }

  private DeviceBuffer allocateFromDriver(long bytes) {
    try {
      return context.allocate(bytes);
    } catch (CudaException e) {
      if (!e.isOutOfMemory()) {
        throw e;
      }
    }
    // What lies idle in other sizes may be enough; while recording nothing can be waited for.
    if (usedByRecording == null) {
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

  /** Gives what lies idle back to the driver, but for what recordings use. */
  void trim() {
    for (DeviceBuffer buffer : general.all()) {
      general.remove(buffer);
      free(buffer);
    }
  }

  /** Bytes of all blocks that are not closed. */
  long bytesInUse() {
    return bytesInUse;
  }

  private static long roundUp(long bytes, long multiple) {
    return (bytes + multiple - 1) / multiple * multiple;
  }
}
