package org.pyramiddrop.cli;

/** The command can't be run as it was written; the message is one line that says why. */
final class BadUse extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BadUse(String message) {
    super(message);
  }
}
