package org.pyramiddrop.bench.chart;

/** A chart could not be drawn; the message says why. */
public final class ChartException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  ChartException(String message, Throwable cause) {
    super(message, cause);
  }
}
