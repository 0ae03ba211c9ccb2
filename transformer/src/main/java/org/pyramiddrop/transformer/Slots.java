package org.pyramiddrop.transformer;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import org.pyramiddrop.kernels.DeviceException;
import org.pyramiddrop.kernels.Kernels;

/** Slots in waiting, so that a question whose shape was there lately finds its work recorded. */
final class Slots implements AutoCloseable {
  /** A slot holds caches, so few are kept; and none where recording saves nothing. */
  private static final int MOST_IDLE = 4;

  private final Kernels kernels;
  private final Decoder decoder;

  /** The one given back last comes first. */
  private final Deque<Slot> idle = new ArrayDeque<>();

  Slots(Kernels kernels, Decoder decoder) {
    this.kernels = kernels;
    this.decoder = decoder;
  }

  /** A slot of that shape, for one question until it is given back or closed. */
  Slot take(Slot.Shape shape) {
    for (Iterator<Slot> slots = idle.iterator(); slots.hasNext(); ) {
      Slot slot = slots.next();
      if (slot.shape().equals(shape)) {
        slots.remove();
        return slot;
      }
    }
    return fresh(shape);
  }

  /** A slot that is the caller's to close. */
  Slot fresh(Slot.Shape shape) {
    try {
      return new Slot(kernels, decoder, shape);
    } catch (DeviceException e) {
      if (idle.isEmpty()) {
        throw e;
      }
      // What waits for other shapes may be what is missing.
      try {
        close();
        return new Slot(kernels, decoder, shape);
      } catch (RuntimeException again) {
        again.addSuppressed(e);
        throw again;
      }
    }
  }

  /** Keeps a slot whose question ended well. */
  void giveBack(Slot slot) {
    if (!kernels.replays()) {
      slot.close();
      return;
    }
    if (idle.size() == MOST_IDLE) {
      idle.removeLast().close();
    }
    idle.push(slot);
  }

  @Override
  public void close() {
    Resources all = new Resources();
    idle.forEach(all::add);
    idle.clear();
    all.close();
  }
}
