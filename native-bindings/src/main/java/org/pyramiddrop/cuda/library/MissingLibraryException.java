package org.pyramiddrop.cuda.library;

/** A native library is not there or can't be loaded; the message is a sentence for the user. */
public final class MissingLibraryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is missing, and what to do about it. */
  public MissingLibraryException(String reason) {
    super(reason);
  }
}
