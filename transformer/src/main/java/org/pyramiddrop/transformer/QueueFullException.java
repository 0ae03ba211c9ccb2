package org.pyramiddrop.transformer;

/** A {@link Scheduler} has as many waiting requests as it takes; ask again later. */
public final class QueueFullException extends RuntimeException {
  private static final long serialVersionUID = 1;

  QueueFullException(int waiting) {
    super("%d requests are waiting, which is the most; ask again later".formatted(waiting));
  }
}
