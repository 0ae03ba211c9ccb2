package org.pyramiddrop.cli;

/** The command can't be run as it was written; the message is one line that says why. */
final class UsageException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UsageException(String message) {
    super(message);
  }
}
