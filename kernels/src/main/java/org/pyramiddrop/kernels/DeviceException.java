package org.pyramiddrop.kernels;

/** A device can't be had, or has failed; the message says why, and what to do. */
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Says why in one line. */
  public DeviceException(String message) {
    super(message);
  }

  /** Says why in one line, and what led to it. */
  public DeviceException(String message, Throwable cause) {
    super(message, cause);
  }
}
