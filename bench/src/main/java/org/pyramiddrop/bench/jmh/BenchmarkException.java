package org.pyramiddrop.bench.jmh;

/** A benchmark that failed; the message says where the reason stands. */
public final class BenchmarkException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  BenchmarkException(String message, Throwable cause) {
    super(message, cause);
  }
}
