package org.pyramiddrop.kernels;

import java.util.List;

/** Work that was noted by {@link Kernels#record} and can be run any number of times. */
public interface Recording extends AutoCloseable {
  /** Runs it on what its tensors hold now; as any operation, it may end after the call returns. */
  void run();

  /**
   * Runs it several times to tell how long each of its launches takes; what it computes is what
   * {@link #run} computes as often.
   *
   * @param runs how many profiles to take
   * @return a profile a run; none where the device doesn't tell
   */
  default List<Profile> profile(Profile.Order order, int runs) {
    return List.of();
  }

  /** Frees what the device keeps for it; a second call does nothing. */
  @Override
  void close();
}
