package org.pyramiddrop.cli;

/** A command that was right to ask for could not be carried out; the message is one line. */
final class RunFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  RunFailedException(String message, Throwable cause) {
    super(message, cause);
  }
}
