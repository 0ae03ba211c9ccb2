package org.pyramiddrop.cuda;

import org.pyramiddrop.cuda.bindings.cuda_h;

/** Memory on the GPU. Its address is a number, as nothing there can be read from Java. */
public final class DeviceBuffer extends NativeResource {
  private final long address;
  private final long bytes;

  DeviceBuffer(Context context, long address, long bytes) {
    super(context, "device buffer of %s".formatted(ByteCount.text(bytes)));
    this.address = address;
    this.bytes = bytes;
  }

  /** Where it begins, a multiple of 256. */
  public long address() {
    requireOpen();
    return address;
  }

  /** Its size. */
  public long bytes() {
    return bytes;
  }

  /** Waits for the GPU first, which the driver itself may or may not do. */
  @Override
  void release() {
    Cleanup cleanup = new Cleanup();
    cleanup.run(context()::synchronize);
    cleanup.run(() -> Status.check(cuda_h.cuMemFree_v2(address), "cuMemFree"));
    cleanup.throwFailure();
  }
}
