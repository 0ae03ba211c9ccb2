package org.pyramiddrop.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashSet;
import java.util.SequencedSet;
import org.pyramiddrop.cuda.CudaStatus.Ready;
import org.pyramiddrop.cuda.CudaStatus.Unavailable;
import org.pyramiddrop.cuda.bindings.cuda_h;

/**
 * A GPU in use: its primary context, and everything that was taken from it.
 *
 * <p>The thread that opens it owns it, for CUDA keeps the current context in the thread: no other
 * may use it or what comes from it, and a thread has one open at a time. Closing waits for running
 * work and closes what is still open.
 */
public final class Context implements AutoCloseable {
  private final Thread owner = Thread.currentThread();
  private final SequencedSet<NativeResource> open = new LinkedHashSet<>();
  private final Ready gpu;
  private final int device;
  private final MemorySegment out;
  private boolean closed;

  private Context(Ready gpu, int device, MemorySegment out) {
    this.gpu = gpu;
    this.device = device;
    this.out = out;
  }

  /**
   * Retains a GPU's primary context and makes it current on the calling thread.
   *
   * @param ordinal which of the driver's GPUs, from 0
   * @throws IllegalStateException on a virtual thread, or if {@link CudaDriver#probe(int)} finds no
   *     use for the GPU
   * @throws CudaException if the driver fails
   */
  public static Context open(int ordinal) {
    if (Thread.currentThread().isVirtual()) {
      throw new IllegalStateException("a CUDA context needs a platform thread, not a virtual one");
    }
    return switch (CudaDriver.probe(ordinal)) {
      case Unavailable no -> throw new IllegalStateException("CUDA can't be used: " + no.reason());
      case Ready gpu -> retain(gpu, ordinal);
    };
  }

  private static Context retain(Ready gpu, int ordinal) {
    MemorySegment out = Arena.ofAuto().allocate(JAVA_LONG, 2);
    Status.check(cuda_h.cuDeviceGet(out, ordinal), "cuDeviceGet");
    int device = out.get(JAVA_INT, 0);
    Status.check(cuda_h.cuDevicePrimaryCtxRetain(out, device), "cuDevicePrimaryCtxRetain");
    int result = cuda_h.cuCtxSetCurrent(out.get(ADDRESS, 0));
    if (result != cuda_h.CUDA_SUCCESS()) {
      CudaException failure = Status.driverFailure(result, "cuCtxSetCurrent", "");
      cuda_h.cuDevicePrimaryCtxRelease_v2(device);
      throw failure;
    }
    return new Context(gpu, device, out);
  }

  /** The GPU's name. */
  public String deviceName() {
    return gpu.gpu();
  }

  /** Ten times the GPU's compute capability, 90 for 9.0. */
  public int computeCapability() {
    return gpu.computeCapability();
  }

  /** The newest CUDA that the driver knows, 13000 for 13.0. */
  public int driverVersion() {
    return gpu.driverVersion();
  }

  /** The GPU's memory, in bytes. */
  public long totalBytes() {
    return gpu.totalBytes();
  }

  /** How much of the GPU's memory nobody holds now, in bytes. */
  public long freeBytes() {
    requireOpen();
    Status.check(cuda_h.cuMemGetInfo_v2(out, out.asSlice(Long.BYTES)), "cuMemGetInfo");
    return out.get(JAVA_LONG, 0);
  }

  /** How many multiprocessors the GPU has. */
  public int multiprocessors() {
    return attribute(cuda_h.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT());
  }

  /** The most shared memory a block can have, once its function allows it, in bytes. */
  public int maxSharedBytes() {
    return attribute(cuda_h.CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN());
  }

  /**
   * How many things taken from this context are open: streams, events, buffers, modules, graphs,
   * plans.
   */
  public int openResources() {
    requireOpen();
    return open.size();
  }

  /**
   * Waits until the GPU has done everything that this context's streams were given.
   *
   * <p>Others in this process share the primary context, and waiting for all of it would spoil what
   * they may be capturing.
   */
  public void synchronize() {
    requireOpen();
    for (NativeResource resource : open) {
      if (resource instanceof CudaStream stream) {
        stream.synchronize();
      }
    }
  }

  /** A stream of its own, which doesn't wait for the legacy default stream. */
  public CudaStream stream() {
    requireOpen();
    Status.check(cuda_h.cuStreamCreate(out, cuda_h.CU_STREAM_NON_BLOCKING()), "cuStreamCreate");
    return register(new CudaStream(this, out.get(ADDRESS, 0)));
  }

  /**
   * An event that has not happened.
   *
   * @param timing whether {@link CudaEvent#millisSince} may be asked; events without it cost less
   */
  public CudaEvent event(boolean timing) {
    requireOpen();
    int flags = timing ? cuda_h.CU_EVENT_DEFAULT() : cuda_h.CU_EVENT_DISABLE_TIMING();
    Status.check(cuda_h.cuEventCreate(out, flags), "cuEventCreate");
    return register(new CudaEvent(this, out.get(ADDRESS, 0), timing));
  }

  /**
   * Memory on the GPU, aligned to 256 bytes; what is in it is undefined.
   *
   * @throws CudaException if there is not enough, naming what was asked for and how much was free
   */
  public DeviceBuffer allocate(long bytes) {
    checkSize(bytes);
    int result = cuda_h.cuMemAlloc_v2(out, bytes);
    if (result == cuda_h.CUDA_ERROR_OUT_OF_MEMORY()) {
      throw Status.driverFailure(
          result,
          "cuMemAlloc",
          "%s asked for, %s of %s free"
              .formatted(
                  ByteCount.text(bytes),
                  ByteCount.text(freeBytes()),
                  ByteCount.text(totalBytes())));
    }
    Status.check(result, "cuMemAlloc");
    return register(new DeviceBuffer(this, out.get(JAVA_LONG, 0), bytes));
  }

  /**
   * Memory on the host that the GPU reads and writes directly; what is in it is undefined.
   *
   * @throws CudaException if there is not enough, naming what was asked for
   */
  public PinnedBuffer pinned(long bytes) {
    checkSize(bytes);
    int result = cuda_h.cuMemHostAlloc(out, bytes, 0);
    if (result != cuda_h.CUDA_SUCCESS()) {
      throw Status.driverFailure(
          result,
          "cuMemHostAlloc",
          "%s of pinned memory asked for".formatted(ByteCount.text(bytes)));
    }
    return register(new PinnedBuffer(this, out.get(ADDRESS, 0), bytes));
  }

  /**
   * Loads compiled kernels: a fat binary, a cubin or PTX.
   *
   * @param image all of it; it is copied, so it may be anywhere and be freed afterwards
   * @throws CudaException if it holds nothing for this GPU
   */
  public CudaModule load(MemorySegment image) {
    requireOpen();
    try (Arena arena = Arena.ofConfined()) {
      // A zero behind it ends PTX; the alignment is what fat binaries are read with.
      MemorySegment copy = arena.allocate(image.byteSize() + 1, Long.BYTES).copyFrom(image);
      Status.check(cuda_h.cuModuleLoadData(out, copy), "cuModuleLoadData");
      return register(new CudaModule(this, out.get(ADDRESS, 0)));
    }
  }

  /**
   * Closes everything that is open, newest first, and gives the primary context back; a second call
   * does nothing.
   */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    requireOpen();
    Cleanup cleanup = new Cleanup();
    cleanup.run(this::synchronize);
    while (!open.isEmpty()) {
      NativeResource newest = open.removeLast();
      cleanup.run(newest::close);
    }
    closed = true;
    cleanup.run(() -> Status.check(cuda_h.cuCtxSetCurrent(MemorySegment.NULL), "cuCtxSetCurrent"));
    cleanup.run(() ->
        Status.check(cuda_h.cuDevicePrimaryCtxRelease_v2(device), "cuDevicePrimaryCtxRelease"));
    cleanup.throwFailure();
  }

  /** Throws unless this is open and the calling thread owns it. */
  void requireOpen() {
    Thread caller = Thread.currentThread();
    if (!owner.equals(caller)) {
      throw new IllegalStateException(
          "the CUDA context belongs to thread %s, and thread %s may not use it"
              .formatted(owner.getName(), caller.getName()));
    }
    if (closed) {
      throw new IllegalStateException("the CUDA context is closed");
    }
  }

  /**
   * Two words for results of driver functions, so that no call allocates; they hold until the next
   * call.
   */
  MemorySegment out() {
    return out;
  }

  /** Closes a resource with this context, unless it is closed before. */
  <R extends NativeResource> R register(R resource) {
    open.add(resource);
    return resource;
  }

  void unregister(NativeResource resource) {
    open.remove(resource);
  }

  private void checkSize(long bytes) {
    requireOpen();
    if (bytes <= 0) {
      throw new IllegalArgumentException("a buffer of %d bytes can't be had".formatted(bytes));
    }
  }

  private int attribute(int attribute) {
    requireOpen();
    Status.check(cuda_h.cuDeviceGetAttribute(out, attribute, device), "cuDeviceGetAttribute");
    return out.get(JAVA_INT, 0);
  }
}
