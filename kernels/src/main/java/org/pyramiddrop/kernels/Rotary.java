package org.pyramiddrop.kernels;

/** Cosines and sines of rotary position embedding, in a device's memory. */
public interface Rotary extends AutoCloseable {
  /** Channels of one head. */
  int headSize();

  /** Positions 0 to this number less one are tabulated. */
  int positions();

  /** Frees the memory; a second call does nothing. */
  @Override
  void close();
}
