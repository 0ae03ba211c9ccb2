package org.pyramiddrop.kernels;

/** Work that was noted by {@link Kernels#record} and can be run any number of times. */
public interface Recording extends AutoCloseable {
  /** Runs it on what its tensors hold now; as any operation, it may end after the call returns. */
  void run();

  /** Frees what the device keeps for it; a second call does nothing. */
  @Override
  void close();
}
