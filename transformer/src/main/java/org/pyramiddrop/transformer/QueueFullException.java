package org.pyramiddrop.transformer;

/** A {@link Scheduler} has as many waiting requests as it takes; ask again later. */
public final class QueueFullException extends RuntimeException {
  private static final long serialVersionUID = 1;

  QueueFullException(int waiting) {
    super("the queue is full, with %d waiting; ask again later".formatted(waiting));
  }
}
