package org.pyramiddrop.kernels;

/**
 * Cosines and sines of rotary position embedding, in a device's memory: as many as prompts need,
 * since a model may allow millions.
 */
public interface Rotary extends AutoCloseable {
  /** Channels of one head. */
  int headSize();

  /** The most positions that can be tabulated. */
  int positions();

  /** Positions 0 to this number less one are tabulated now. */
  int tabulated();

  /**
   * Tabulates at least the first {@code count} positions. What was recorded before goes on with
   * those that were tabulated then.
   *
   * @throws IllegalArgumentException if that is more than {@link #positions}
   * @throws IllegalStateException inside a recording
   */
  void cover(int count);

  /** Frees the memory; a second call does nothing. */
  @Override
  void close();
}
