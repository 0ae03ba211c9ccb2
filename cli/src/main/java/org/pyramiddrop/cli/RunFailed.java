package org.pyramiddrop.cli;

/** A command that was right to ask for could not be carried out; the message is one line. */
final class RunFailed extends RuntimeException {
  private static final long serialVersionUID = 1L;

  RunFailed(String message, Throwable cause) {
    super(message, cause);
  }
}
