package org.pyramiddrop.training;

/** A run can't go on; the message says why, in a line, and what to do. */
public final class TrainingException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says why. */
  public TrainingException(String message) {
    super(message);
  }

  /** Says why, and keeps what was thrown. */
  public TrainingException(String message, Throwable cause) {
    super(message, cause);
  }
}
